-- Jobs that still wait although their parents have all ended: nobody released them. $1 how many at most.
WITH candidates AS (
    SELECT c.id FROM jobs c
    WHERE c.flow_id IS NOT NULL AND c.status = 'waiting'
        AND NOT EXISTS (SELECT FROM jobs p WHERE p.id = ANY (c.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
    ORDER BY c.id
    LIMIT $1::integer
),
