-- Keeps an answer, and tells those who wait for it: both or neither. A newer answer replaces an older one.
-- $1 key, $2 scope, $3 kind, $4 model, $5 digest, $6 answer, $7 bytes, $8 duration, $9 model of the embedding, $10 embedding, $11 job, $12 attempt.
WITH ended AS (
    UPDATE prompt_leads SET outcome = 'answered' WHERE key = $1::text AND job_id = $11::uuid AND attempt = $12::integer
)
INSERT INTO prompt_cache AS c (key, scope, kind, model, digest, answer, bytes, duration_ms, embedding_model, embedding, job_id)
VALUES (
    $1::text, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7::bigint, $8::bigint, $9::text,
    CASE WHEN $9::text IS NOT NULL THEN $10::real[] END, $11::uuid)
ON CONFLICT (key) DO UPDATE SET
    answer = excluded.answer, bytes = excluded.bytes, duration_ms = excluded.duration_ms, job_id = excluded.job_id,
    embedding_model = excluded.embedding_model, embedding = excluded.embedding, created_at = now(), used_at = now()
