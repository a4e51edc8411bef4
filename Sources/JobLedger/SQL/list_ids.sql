FROM (SELECT *, created_at AS listed_at FROM jobs WHERE id = ANY ({ids}::uuid[])) AS j
