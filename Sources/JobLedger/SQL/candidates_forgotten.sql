-- Those of some jobs that still wait although their parents have all ended: nobody released them. $1 the jobs.
WITH candidates AS (
    SELECT c.id FROM jobs c
    WHERE c.id = ANY ($1::uuid[]) AND c.status = 'waiting'
        AND NOT EXISTS (SELECT FROM jobs p WHERE p.id = ANY (c.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
),
