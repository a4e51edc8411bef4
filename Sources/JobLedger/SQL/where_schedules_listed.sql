-- In the order of their making. $1 after this id, $2 at most so many, $3 of this name only.
WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') AND ($3::text IS NULL OR name = $3::text)
ORDER BY id
LIMIT $2::integer
