-- The next jobs by their ids, and whether the search knows them as they are. $1 after this id, $2 how many.
SELECT l.id, s.job_id IS NULL OR s.finished_at IS DISTINCT FROM l.finished_at AS is_stale
FROM (SELECT id, finished_at FROM jobs WHERE id > $1::uuid ORDER BY id LIMIT $2::integer) AS l
LEFT JOIN job_search s ON s.job_id = l.id
ORDER BY l.id
