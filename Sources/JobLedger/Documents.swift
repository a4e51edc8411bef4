package import JobModel
package import PostgresWire

/// What is kept of an ingested document beside its chunks.
package struct DocumentRecord: Sendable, Hashable {
    package var uri: String
    package var title: String
    package var language: String?
    package var contentType: String?
    package var contentHash: String
    package var textLength: Int
    package var jobID: JobID?
    package var model: String?

    package init(
        uri: String, title: String, language: String? = nil, contentType: String? = nil, contentHash: String, textLength: Int,
        jobID: JobID? = nil, model: String? = nil
    ) {
        self.uri = uri
        self.title = title
        self.language = language
        self.contentType = contentType
        self.contentHash = contentHash
        self.textLength = textLength
        self.jobID = jobID
        self.model = model
    }
}

package struct DocumentChunk: Sendable, Hashable {
    package let index: Int
    package let text: String
    /// In characters of the extracted text.
    package let start: Int

    package init(index: Int, text: String, start: Int) {
        self.index = index
        self.text = text
        self.start = start
    }
}

package struct StoredDocument: Sendable, Hashable {
    package let id: String
    /// 1 for a new document, one more with every ingest.
    package let generation: Int64
    package let record: DocumentRecord
}

extension JobLedger {
    /// Puts the document and its chunks in place of what was stored under the same uri, in one transaction: readers see the old text or the new.
    package func storeDocument(_ record: DocumentRecord, chunks: [DocumentChunk]) async throws(PostgresError) -> StoredDocument {
        let parameters = Self.parameters(record, chunkCount: chunks.count)
        return try await pool.transaction { (connection) throws(PostgresError) in
            guard let row = try connection.query(Statements.storeDocument, parameters).first else {
                throw PostgresError(.decoding, "Storing a document returned no row")
            }
            let stored = StoredDocument(id: try row.string("id"), generation: try row.int("generation"), record: record)
            try connection.execute("DELETE FROM document_chunks WHERE document_id = $1", [.text(stored.id)])
            for start in stride(from: 0, to: chunks.count, by: 500) {
                try connection.execute(Statements.storeChunks, stored.parameters(chunks[start..<min(start + 500, chunks.count)]))
            }
            return stored
        }
    }

    package func document(uri: String) async throws(PostgresError) -> StoredDocument? {
        let rows = try await pool.query("SELECT * FROM documents WHERE uri_hash = $1", [.text(Digest.sha256(uri))])
        guard let row = rows.first else { return nil }
        let record = DocumentRecord(
            uri: try row.string("uri"), title: try row.string("title"), language: try row.optionalString("language"),
            contentType: try row.optionalString("content_type"), contentHash: try row.string("content_hash"),
            textLength: Int(try row.int("text_length")), jobID: try row.optionalString("job_id").flatMap { JobID($0) },
            model: try row.optionalString("model"))
        return StoredDocument(id: try row.string("id"), generation: try row.int("generation"), record: record)
    }

    package func chunks(ofDocument id: String) async throws(PostgresError) -> [DocumentChunk] {
        guard JobID(id) != nil else { return [] }
        let rows = try await pool.query(
            "SELECT chunk_index, text, start_offset FROM document_chunks WHERE document_id = $1 ORDER BY chunk_index", [.text(id)])
        return try rows.map { (row) throws(PostgresError) in
            DocumentChunk(index: Int(try row.int("chunk_index")), text: try row.string("text"), start: Int(try row.int("start_offset")))
        }
    }

    private static func parameters(_ record: DocumentRecord, chunkCount: Int) -> [PostgresValue] {
        [
            .text(JobID().description), .optional(storable(record.uri)), .text(Digest.sha256(record.uri)),
            .optional(storable(record.title)),
            .optional(storable(record.language)), .optional(storable(record.contentType)), .text(record.contentHash),
            .integer(Int64(record.textLength)), .integer(Int64(chunkCount)), .optional(storable(record.model)),
            .optional(record.jobID?.description),
        ]
    }
}

extension StoredDocument {
    fileprivate func parameters(_ chunks: ArraySlice<DocumentChunk>) -> [PostgresValue] {
        [
            .text(id), .integer(generation), .integerArray(chunks.map { Int64($0.index) }), .textArray(chunks.map { storable($0.text) }),
            .integerArray(chunks.map { Int64($0.start) }),
        ]
    }
}
