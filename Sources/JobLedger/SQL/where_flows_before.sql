-- Newest first: ids of flows sort by time. $1 the last one of the page before.
WHERE f.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY f.id DESC
LIMIT $2::integer
