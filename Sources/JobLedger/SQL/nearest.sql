-- Exact cosine in one pass over one model's vectors. All vectors have length 1, so the dot product is the cosine. $1 vector, $2 model.
SELECT c.document_id, c.chunk_index, c.text, d.uri, d.title, s.score
FROM document_chunks c
JOIN documents d ON d.id = c.document_id
CROSS JOIN LATERAL (
    SELECT sum(p.x::double precision * p.y) AS score FROM unnest(c.embedding, $1::real[]) AS p (x, y)
) s
WHERE c.embedding_model = $2::text AND cardinality(c.embedding) = cardinality($1::real[])
ORDER BY s.score DESC, c.document_id, c.chunk_index
LIMIT $3::integer
