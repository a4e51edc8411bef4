),
told AS (
    SELECT l.id, l.listed_at, row_number() OVER (ORDER BY l.listed_at DESC, l.id DESC) = count(*) OVER () AS is_last, count(*) OVER () AS total,
        true
            AND CASE WHEN s.job_id IS NOT NULL THEN s.words ELSE (SELECT tidewheel.search_words(f) FROM jobs f WHERE f.id = l.id) END @@ {words}::tsquery
            AND CASE WHEN s.job_id IS NOT NULL THEN s.document ELSE (SELECT tidewheel.search_document(f) FROM jobs f WHERE f.id = l.id) END @? {path}::jsonpath
            AS fits
    FROM looked l LEFT JOIN job_search s ON s.job_id = l.id AND s.finished_at IS NOT DISTINCT FROM l.finished_at
)
SELECT id, fits, total, (extract(epoch FROM listed_at) * 1000000)::bigint AS listed_us
FROM told WHERE fits OR is_last
ORDER BY listed_at DESC, id DESC
