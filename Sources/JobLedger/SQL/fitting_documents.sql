-- Documents that fit a filter. $1 beginning of the address   $2 since and   $3 until, in ms   $4 limit
SELECT d.id FROM documents d
WHERE ($1::text IS NULL OR starts_with(d.uri, $1::text))
    AND ($2::bigint IS NULL OR d.updated_at >= to_timestamp($2::bigint / 1000.0))
    AND ($3::bigint IS NULL OR d.updated_at < to_timestamp($3::bigint / 1000.0))
LIMIT $4::integer
