internal import JobModel
package import PostgresWire

/// A file that somebody uploaded for a `document` job.
package struct Upload: Sendable, Hashable {
    package let id: String
    package let name: String
    package let contentType: String
    package let sha256: String
    package let bytes: [UInt8]
}

extension JobLedger {
    /// At most 32 MiB: the caller checks first, the table refuses more (23514).
    package func storeUpload(name: String, contentType: String, bytes: [UInt8]) async throws(PostgresError) -> (id: String, sha256: String)
    {
        let id = JobID().description
        let sha256 = Digest.sha256(bytes)
        try await pool.execute(
            "INSERT INTO uploads (id, name, content_type, sha256, bytes) VALUES ($1, $2, $3, $4, $5)",
            [.text(id), .optional(storable(name)), .optional(storable(contentType)), .text(sha256), .bytes(bytes)])
        return (id, sha256)
    }

    /// Nil for an id that nobody was given, whatever it looks like.
    package func upload(_ id: String) async throws(PostgresError) -> Upload? {
        guard JobID(id) != nil else { return nil }
        let rows = try await pool.query("SELECT id, name, content_type, sha256, bytes FROM uploads WHERE id = $1", [.text(id)])
        guard let row = rows.first else { return nil }
        return Upload(
            id: try row.string("id"), name: try row.string("name"), contentType: try row.string("content_type"),
            sha256: try row.string("sha256"), bytes: try row.bytes("bytes"))
    }
}
