-- $1 milliseconds, $2 at most so many: the partial index schedules_due.
WHERE enabled AND next_run_at <= to_timestamp($1::bigint / 1000.0)
ORDER BY next_run_at, id
LIMIT $2::integer
