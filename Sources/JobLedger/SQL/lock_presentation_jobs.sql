-- Locks the jobs of presentations before the presentations themselves, as every transition of a job does. $1 ids.
SELECT count(*) FROM (SELECT FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE) AS locked
