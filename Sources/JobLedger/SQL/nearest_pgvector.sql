-- The same by the extension vector, whose distance is computed in C. $1 vector, $2 model.
SELECT c.document_id, c.chunk_index, c.text, d.uri, d.title, 1 - (c.embedding::vector <=> $1::real[]::vector) AS score
FROM document_chunks c
JOIN documents d ON d.id = c.document_id
WHERE c.embedding_model = $2::text AND cardinality(c.embedding) = cardinality($1::real[])
ORDER BY c.embedding::vector <=> $1::real[]::vector, c.document_id, c.chunk_index
LIMIT $3::integer
