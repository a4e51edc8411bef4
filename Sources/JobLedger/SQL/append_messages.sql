-- Adds what jobs said to their conversations, each job once: one that has messages already adds none. Numbers are given under the lock of the
-- conversation's row, which lasts to the commit: they have no gaps, and whoever sees a message sees all before it. Rows are locked in the order
-- of sessions. Only the last messages are kept.
-- One entry a message, those of a job in their order: $1 session, $2 job, $3 role, $4 content, $5 model, $6 thinking, $7 tokens,
-- $8 milliseconds; $9 messages that a conversation keeps.
WITH asked AS (
    SELECT a.* FROM unnest(
        $1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::bigint[]
    ) WITH ORDINALITY AS a (session_id, job_id, role, content, model, thinking, tokens, at_ms, place)
    WHERE NOT EXISTS (SELECT FROM messages m WHERE m.job_id = a.job_id)
),
kept AS (
    INSERT INTO conversations AS c (session_id, last_seq, forgotten_seq, created_at, updated_at)
    SELECT
        session_id, count(*), greatest(0, count(*) - $9::bigint), to_timestamp(min(at_ms) / 1000.0), to_timestamp(max(at_ms) / 1000.0)
    FROM asked GROUP BY session_id ORDER BY session_id
    ON CONFLICT (session_id) DO UPDATE SET
        last_seq = c.last_seq + excluded.last_seq,
        forgotten_seq = greatest(c.forgotten_seq, c.last_seq + excluded.last_seq - $9::bigint),
        updated_at = greatest(c.updated_at, excluded.updated_at)
    RETURNING c.session_id, c.last_seq, c.forgotten_seq
),
forgotten AS (
    DELETE FROM messages m USING kept k WHERE m.session_id = k.session_id AND m.seq <= k.forgotten_seq
),
numbered AS (
    SELECT
        a.*, k.forgotten_seq,
        k.last_seq - count(*) OVER (PARTITION BY a.session_id) + row_number() OVER (PARTITION BY a.session_id ORDER BY a.place) AS seq
    FROM asked a JOIN kept k ON k.session_id = a.session_id
)
INSERT INTO messages (session_id, seq, role, content, model, thinking, tokens, job_id, created_at)
SELECT session_id, seq, role, content, model, thinking, tokens, job_id, to_timestamp(at_ms / 1000.0)
FROM numbered WHERE seq > forgotten_seq
