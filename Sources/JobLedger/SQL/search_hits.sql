-- A search by its index: at most {most} jobs that fit, anywhere in the list, and of these the next {limit} of the list (list_created.sql or
-- list_failed.sql follows). More hits than that are no answer: they are not the newest.
WITH hits AS MATERIALIZED (
    SELECT s.job_id FROM job_search s
    WHERE true
        AND s.words @@ {words}::tsquery
        AND s.document @? {path}::jsonpath
    LIMIT {most}::integer
)
SELECT c.total, f.id, f.id IS NOT NULL AS fits, (extract(epoch FROM f.listed_at) * 1000000)::bigint AS listed_us
FROM (SELECT count(*) AS total FROM hits) AS c
LEFT JOIN (
SELECT j.id, j.listed_at FROM (SELECT) AS once
