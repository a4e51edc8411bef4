-- A page of conversations, last changed first. A line that names a {value} is left out where it is not given (ListStatement.swift).
SELECT
    session_id, last_seq, last_seq - forgotten_seq AS messages,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM updated_at) * 1000000)::bigint AS updated_us
FROM conversations
WHERE true
    AND session_id = {session}::text
    AND starts_with(session_id, {prefix}::text)
    AND updated_at < to_timestamp({before_ms}::bigint / 1000.0)
    AND (updated_at, session_id) < (to_timestamp({below_us}::bigint / 1000000.0), {below_session}::text)
ORDER BY updated_at DESC, session_id DESC
LIMIT {limit}::integer
