INSERT INTO document_chunks (document_id, generation, chunk_index, text, start_offset)
SELECT $1::uuid, $2::bigint, c.chunk_index, c.text, c.start_offset
FROM unnest($3::integer[], $4::text[], $5::bigint[]) AS c (chunk_index, text, start_offset)
