-- The nearest chunks of one model: exact, by reading all of its vectors that fit. `score` and `vector` are spelled by NearestStatement.swift.
-- Order by an expression of the document's: so its row is joined before the sort, and each worker keeps only the best rows, without their vectors.
-- $1 vector   $2 model   $3 limit   $4 beginning of the address   $5 since and   $6 until, in ms   $7 length of the vector
SELECT n.document_id, n.chunk_index, n.generation, c.text, n.uri, n.title, n.score
FROM (
    SELECT c.document_id, c.chunk_index, c.generation, d.uri, d.title, NULLIF(/*score*/, 'NaN') AS score
    FROM document_chunks c
    JOIN documents d ON d.id = c.document_id AND d.generation = c.generation
    /*vector*/
    WHERE c.embedding_model = $2::text AND c.embedding IS NOT NULL
        AND ($4::text IS NULL OR starts_with(d.uri, $4::text))
        AND ($5::bigint IS NULL OR d.updated_at >= to_timestamp($5::bigint / 1000.0))
        AND ($6::bigint IS NULL OR d.updated_at < to_timestamp($6::bigint / 1000.0))
    ORDER BY score DESC NULLS LAST, uuid_send(d.id), c.chunk_index
    LIMIT $3::integer
) n
JOIN document_chunks c ON c.document_id = n.document_id AND c.chunk_index = n.chunk_index
WHERE n.score IS NOT NULL
ORDER BY n.score DESC, n.document_id, n.chunk_index
