-- A page of subjects in their order, with how many presentations they have. $1 the last one of the page before, $2 how many.
-- Reads one index in its order, as far as the page goes.
SELECT
    subject, count(*) AS total,
    count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'processing') AS processing,
    count(*) FILTER (WHERE status = 'complete') AS complete, count(*) FILTER (WHERE status = 'error') AS failed
FROM presentation_jobs
WHERE subject > coalesce($1::text, '')
GROUP BY subject
ORDER BY subject
LIMIT $2::integer
