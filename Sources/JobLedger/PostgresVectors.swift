package import JobModel
package import PostgresWire

/// The vector store that needs nothing but PostgreSQL: vectors stand beside their chunks, and the nearest ones are found exactly, by reading
/// all of one model. Good for tens of thousands of chunks; Qdrant is for more. With the extension `vector` the arithmetic is the extension's.
package struct PostgresVectors: VectorStore {
    private let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    package var name: String { "postgresql" }

    /// A document that was ingested again meanwhile keeps its newer vectors: then nothing is stored and the answer is 0.
    package func replace(_ document: VectorDocument, with chunks: [VectorChunk]) async throws(JobFailure) -> Int {
        guard JobID(document.id) != nil else { throw .permanent("The vectors' document has an unknown id", type: "database") }
        do {
            return try await pool.transaction { (connection) throws(PostgresError) in
                try connection.clearVectors(of: document)
                var stored = 0
                for start in stride(from: 0, to: chunks.count, by: 200) {
                    stored += try connection.store(chunks[start..<min(start + 200, chunks.count)], of: document)
                }
                return stored
            }
        } catch { throw Self.failure(error) }
    }

    package func nearest(to vector: [Float], model: String, limit: Int) async throws(JobFailure) -> [VectorMatch] {
        do throws(PostgresError) {
            let statement = try await hasExtension() ? Statements.nearestByExtension : Statements.nearest
            let rows = try await pool.query(
                statement, [.floatArray(normalised(vector)), .text(model), .integer(Int64(max(0, min(limit, 1000))))])
            return try rows.map { (row) throws(PostgresError) in try row.match() }
        } catch { throw Self.failure(error) }
    }

    package func trouble() async -> String? {
        await pool.ping() ? nil : "PostgreSQL at \(pool.options) does not answer: check DATABASE_URL and that the server runs"
    }

    private func hasExtension() async throws(PostgresError) -> Bool {
        !(try await pool.query("SELECT 1 FROM pg_extension WHERE extname = 'vector'")).isEmpty
    }

    private static func failure(_ error: PostgresError) -> JobFailure {
        let message = "The vector store in PostgreSQL failed: \(error)"
        return error.isRetryable || error.kind == .closed
            ? .retry(message, type: "database") : .permanent(message, type: "database")
    }
}

extension PostgresConnection {
    fileprivate func clearVectors(of document: VectorDocument) throws(PostgresError) {
        // The document's row is locked first, as ingest does: the two never wait for each other in a circle.
        _ = try query("SELECT 1 FROM documents WHERE id = $1 FOR UPDATE", [.text(document.id)])
        try execute(
            "UPDATE document_chunks SET embedding = NULL, embedding_model = NULL WHERE document_id = $1 AND generation <= $2",
            [.text(document.id), .integer(document.generation)])
    }

    fileprivate func store(_ chunks: ArraySlice<VectorChunk>, of document: VectorDocument) throws(PostgresError) -> Int {
        let vectors = chunks.map { chunk in "{\(normalised(chunk.vector).map { "\($0)" }.joined(separator: ","))}" }
        return try execute(
            Statements.storeVectors,
            [
                .text(document.id), .integer(document.generation), .text(document.model), .integerArray(chunks.map { Int64($0.index) }),
                .textArray(chunks.map { storable($0.text) }), .textArray(vectors),
            ])
    }
}

extension PostgresRow {
    fileprivate func match() throws(PostgresError) -> VectorMatch {
        VectorMatch(
            documentID: try string("document_id"), chunkIndex: Int(try int("chunk_index")), text: try string("text"),
            uri: try string("uri"), title: try string("title"), score: try double("score"))
    }
}

/// Length 1, so that a dot product is the cosine; a zero vector stays what it is.
private func normalised(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
    return length > 0 && length.isFinite ? vector.map { $0 / length } : vector
}
