-- The last messages of a conversation that fit into so many tokens, in their order. The last system message is kept, and counted first.
-- $1 session, $2 tokens, $3 messages.
WITH system AS (
    SELECT * FROM messages WHERE session_id = $1::text AND role = 'system' ORDER BY seq DESC LIMIT 1
),
spoken AS (
    SELECT m.*, sum(m.tokens) OVER (ORDER BY m.seq DESC) AS used
    FROM (
        SELECT * FROM messages WHERE session_id = $1::text AND role <> 'system' ORDER BY seq DESC LIMIT $3::integer
    ) AS m
)
SELECT seq, role, content, model, NULL AS thinking, tokens, job_id, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms
FROM (
    SELECT seq, role, content, model, tokens, job_id, created_at, 0 AS place FROM system WHERE tokens <= $2::bigint
    UNION ALL
    SELECT seq, role, content, model, tokens, job_id, created_at, 1 FROM spoken
    WHERE used + coalesce((SELECT tokens FROM system WHERE tokens <= $2::bigint), 0) <= $2::bigint
) AS history
ORDER BY place, seq
