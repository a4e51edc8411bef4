-- A page of a conversation in its order: it ends after so many messages, or with the one that makes it too large. Lengths are read without the texts.
-- $1 session, $2 after this number, $3 messages, $4 bytes.
SELECT seq, role, content, model, thinking, tokens, job_id, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms
FROM (
    SELECT m.*, coalesce(sum(octet_length(content) + coalesce(octet_length(thinking), 0)) OVER (
        ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
    FROM (SELECT * FROM messages WHERE session_id = $1::text AND seq > $2::bigint ORDER BY seq LIMIT $3::integer) AS m
) AS page
WHERE bytes_before < $4::bigint
ORDER BY seq
