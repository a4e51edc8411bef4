CROSS JOIN LATERAL (
    SELECT *, created_at AS listed_at FROM jobs
    WHERE created_at BETWEEN '2000-01-01' AND '2250-01-01'
        AND substr(id::text, 15, 1) NOT IN ('0', '1', '2', '3', '4', '6', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f')
        AND (created_at, id) < (to_timestamp({below_us}::bigint / 1000000.0), {below_id}::uuid)
        AND created_at >= to_timestamp({since_ms}::bigint / 1000.0)
        AND created_at < to_timestamp({until_ms}::bigint / 1000.0)
        AND status = {state}::text
        AND status = s.status -- {states}
        AND status = ANY ({any_states}::text[])
        AND (status <> 'scheduled' OR scheduled_at <= to_timestamp({due_ms}::bigint / 1000.0))
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
        AND flow_id = {flow}::uuid
        AND error_type = {error_type}::text
    ORDER BY created_at DESC, id DESC
    LIMIT {limit}::integer
) AS j
ORDER BY j.created_at DESC, j.id DESC
LIMIT {limit}::integer
