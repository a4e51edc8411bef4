-- The document's row: new, or the next generation. The row stays locked until the transaction ends, so ingests of one document queue up.
INSERT INTO documents (id, uri, uri_hash, title, language, content_type, content_hash, text_length, chunk_count, model, job_id)
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::integer, $10::text, $11::uuid)
ON CONFLICT (uri_hash) DO UPDATE SET
    title = excluded.title, language = excluded.language, content_type = excluded.content_type, content_hash = excluded.content_hash,
    text_length = excluded.text_length, chunk_count = excluded.chunk_count, model = excluded.model, job_id = excluded.job_id,
    generation = documents.generation + 1, updated_at = now()
RETURNING id, generation
