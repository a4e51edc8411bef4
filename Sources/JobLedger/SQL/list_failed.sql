CROSS JOIN LATERAL (
    SELECT *, finished_at AS listed_at FROM jobs
    WHERE status = 'failed' AND finished_at BETWEEN '2000-01-01' AND '2250-01-01'
        AND substr(id::text, 15, 1) NOT IN ('0', '1', '2', '3', '4', '6', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f')
        AND (finished_at, id) < (to_timestamp({below_us}::bigint / 1000000.0), {below_id}::uuid)
        AND finished_at >= to_timestamp({since_ms}::bigint / 1000.0)
        AND finished_at < to_timestamp({until_ms}::bigint / 1000.0)
        AND kind = {kind}::text
        AND kind = k.kind -- {kinds}
        AND queue = {queue}::text
        AND queue = q.queue -- {queues}
        AND kind = ANY ({any_kinds}::text[])
        AND queue = ANY ({any_queues}::text[])
        AND id = ANY (ARRAY(SELECT job_id FROM hits)) -- {most}
        AND subject = {subject}::text
        AND session_id = {session}::text
        AND tags @> {tags}::text[]
        AND error_type = {error_type}::text
    ORDER BY finished_at DESC, id DESC
    LIMIT {limit}::integer
) AS j
ORDER BY j.finished_at DESC, j.id DESC
LIMIT {limit}::integer
