-- How many dead letters fit a filter, by the lines of list_failed.sql.
SELECT count(*) AS matching FROM jobs
WHERE status = 'failed'
    AND finished_at >= to_timestamp({since_ms}::bigint / 1000.0)
    AND finished_at < to_timestamp({until_ms}::bigint / 1000.0)
    AND kind = {kind}::text
    AND kind = ANY ({kinds}::text[])
    AND queue = {queue}::text
    AND queue = ANY ({queues}::text[])
    AND subject = {subject}::text
    AND session_id = {session}::text
    AND tags @> {tags}::text[]
    AND error_type = {error_type}::text
