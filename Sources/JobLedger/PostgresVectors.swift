package import JobModel
package import PostgresWire

/// The vector store that needs nothing but PostgreSQL: vectors stand beside their chunks, and the nearest ones are found exactly, by reading
/// all of one model. Good for a hundred thousand chunks; Qdrant is for more. With the extension `vector` the arithmetic is the extension's.
package struct PostgresVectors: VectorStore {
    private let pool: PostgresPool
    /// Of one search.
    private let timeLimit: Duration

    package init(_ pool: PostgresPool, timeLimit: Duration = .seconds(10)) {
        self.pool = pool
        self.timeLimit = timeLimit
    }

    package var name: String { "postgresql" }

    /// A document that was ingested again meanwhile keeps its newer vectors: then nothing is stored and the answer is 0.
    package func replace(_ document: VectorDocument, with chunks: [VectorChunk]) async throws(JobFailure) -> Int {
        guard JobID(document.id) != nil else { throw .permanent("The vectors' document has an unknown id", type: "database") }
        guard chunks.allSatisfy({ $0.vector.allSatisfy(\.isFinite) }) else {
            throw .permanent("The vectors of a document must be finite", type: "invalid_vector")
        }
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

    package func nearest(
        to vector: [Float], model: String, limit: Int, filter: DocumentFilter
    ) async throws(JobFailure) -> [VectorMatch] {
        guard limit > 0, vector.contains(where: { $0 != 0 }), vector.allSatisfy(\.isFinite) else { return [] }
        let vector = normalised(vector)
        let parameters: [PostgresValue] =
            [.doubleArray(vector.map(Double.init)), .optional(storable(model)), .integer(Int64(min(limit, Self.mostMatches)))]
            + filter.parameters + [.integer(Int64(vector.count))]
        do throws(PostgresError) {
            let statement = try await hasExtension() ? NearestStatement.byExtension : NearestStatement.exact(length: vector.count)
            let rows = try await pool.transaction(timeLimit: timeLimit) { (connection) throws(PostgresError) in
                try connection.script(Self.manners)
                return try connection.queryAfresh(statement, parameters)
            }
            return try rows.map { (row) throws(PostgresError) in try row.match() }
        } catch { throw error.kind == .timeout ? tooSlow : Self.failure(error) }
    }

    private static let mostMatches = 5_000

    /// The planner takes the arithmetic of a row for cheap, and would let one process do it. Compiling it takes longer than it saves.
    private static let manners = """
        SET LOCAL jit = off; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;
        SET LOCAL max_parallel_workers_per_gather = 4
        """

    private var tooSlow: JobFailure {
        .retry(
            "PostgreSQL did not search all vectors in \(timeLimit.components.seconds) s: narrow the search by source or since, or keep vectors in Qdrant",
            type: "search_too_slow", afterMilliseconds: 10_000)
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
            documentID: try string("document_id"), generation: try int("generation"), chunkIndex: Int(try int("chunk_index")),
            text: try string("text"), uri: try string("uri"), title: try string("title"), score: max(-1, min(1, try double("score"))))
    }
}

/// Length 1, so that a dot product is the cosine; a zero vector stays what it is. In Double: squares of floats can overflow or vanish.
private func normalised(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length > 0 && length.isFinite ? vector.map { Float(Double($0) / length) } : vector
}
