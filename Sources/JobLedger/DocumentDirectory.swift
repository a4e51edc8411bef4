package import JobModel
package import PostgresWire

/// Documents by what a search is narrowed by, and as they are now.
extension JobLedger: DocumentDirectory {
    /// Cost: looks at all documents, a millisecond for some thousand.
    package func documents(fitting filter: DocumentFilter, atMost most: Int) async throws(JobFailure) -> [String]? {
        do {
            let rows = try await pool.queryAfresh(Statements.fittingDocuments, filter.parameters + [.integer(Int64(most) + 1)])
            return rows.count > most ? nil : try rows.map { (row) throws(PostgresError) in try row.string("id") }
        } catch { throw Self.failure(error) }
    }

    /// By id; those that are gone are missing.
    package func knownDocuments(_ ids: Set<String>) async throws(JobFailure) -> [String: KnownDocument] {
        let known = ids.filter { JobID($0) != nil }.sorted()
        guard !known.isEmpty else { return [:] }
        do {
            let rows = try await pool.query(
                "SELECT id, generation, uri, title, job_id, \(Self.ingestedAt) FROM documents WHERE id = ANY ($1::uuid[])",
                [.textArray(known)])
            var documents: [String: KnownDocument] = [:]
            for row in rows {
                let document = KnownDocument(
                    id: try row.string("id"), generation: try row.int("generation"), uri: try row.string("uri"),
                    title: try row.string("title"), jobID: try row.optionalString("job_id").flatMap { JobID($0) },
                    ingestedAt: Timestamp(milliseconds: try row.int("ingested_at")))
                documents[document.id] = document
            }
            return documents
        } catch { throw Self.failure(error) }
    }

    private static let ingestedAt = "floor(extract(epoch FROM updated_at) * 1000)::bigint AS ingested_at"

    private static func failure(_ error: PostgresError) -> JobFailure {
        .retry("PostgreSQL did not say which documents there are: \(error)", type: "database")
    }
}

extension DocumentFilter {
    /// Beginning of the address, since, until.
    var parameters: [PostgresValue] {
        [.optional(storable(source)), .optional(since?.milliseconds), .optional(until?.milliseconds)]
    }
}
