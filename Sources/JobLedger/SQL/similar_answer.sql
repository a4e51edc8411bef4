-- The answer to the nearest prompt of the same scope, exactly, among the latest ones; counts the hit. Vectors have length 1, so the dot
-- product is the cosine. $1 scope, $2 vector, $3 its model, $4 least cosine, $5 how many to look at, $6 oldest age in seconds.
WITH nearest AS (
    SELECT c.key, s.similarity
    FROM (
        SELECT key, embedding FROM prompt_cache
        WHERE scope = $1::text AND embedding IS NOT NULL AND embedding_model = $3::text
            AND created_at > now() - make_interval(secs => $6::double precision)
        ORDER BY created_at DESC
        LIMIT $5::integer
    ) c
    CROSS JOIN LATERAL (
        SELECT sum(p.x::double precision * p.y) AS similarity FROM unnest(c.embedding, $2::real[]) AS p (x, y)
    ) s
    WHERE cardinality(c.embedding) = cardinality($2::real[]) AND s.similarity >= $4::double precision
    ORDER BY s.similarity DESC, c.key
    LIMIT 1
)
UPDATE prompt_cache c SET semantic_hits = c.semantic_hits + 1, used_at = now()
FROM nearest n WHERE c.key = n.key
RETURNING c.key, c.answer, c.duration_ms, c.job_id, least(n.similarity, 1) AS similarity,
    (extract(epoch FROM now() - c.created_at) * 1000)::bigint AS age_ms
