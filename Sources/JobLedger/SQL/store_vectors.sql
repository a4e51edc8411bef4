-- Vectors of one generation of a document; nothing when a later ingest has replaced it. $1 document, $2 generation, $3 model.
INSERT INTO document_chunks (document_id, generation, chunk_index, text, embedding, embedding_model)
SELECT d.id, d.generation, c.chunk_index, c.text, c.embedding::real[], $3::text
FROM documents d, unnest($4::integer[], $5::text[], $6::text[]) AS c (chunk_index, text, embedding)
WHERE d.id = $1::uuid AND d.generation = $2::bigint
ON CONFLICT (document_id, chunk_index) DO UPDATE SET
    generation = excluded.generation, text = excluded.text, embedding = excluded.embedding, embedding_model = excluded.embedding_model
