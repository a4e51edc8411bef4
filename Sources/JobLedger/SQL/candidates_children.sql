-- Waiting children of ended jobs, as far as their parents have all ended. $1 the ended jobs.
WITH candidates AS (
    SELECT c.id FROM jobs c
    WHERE c.status = 'waiting' AND c.depends_on && $1::uuid[]
        AND NOT EXISTS (SELECT FROM jobs p WHERE p.id = ANY (c.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
),
