package import JobModel
package import PostgresWire

/// Jobs whose parents have all ended go on, each once: whoever asks first gets the row, everybody else nothing.
/// It comes after the end of the parent is committed: of two parents that end at once, the later one sees both.
extension JobLedger {
    /// The children that the end of these jobs lets go: `queued`, `scheduled`, or `cancelled` because of a parent.
    package func releaseChildren(of ended: [JobID], at now: Timestamp) async throws(PostgresError) -> [Job] {
        guard !ended.isEmpty else { return [] }
        return try await release(Statements.releaseChildren, .textArray(ended.map(\.description)), now)
    }

    /// The same for jobs that were forgotten, because whoever ended their last parent crashed; at most `limit` of them.
    package func releaseForgotten(limit: Int, at now: Timestamp) async throws(PostgresError) -> [Job] {
        try await release(Statements.releaseForgotten, .integer(Int64(limit)), now)
    }

    /// Jobs with parents that no attempt has started, in the order of their ids; `after` is the last one of the page before.
    package func heldInFlows(after: JobID?, limit: Int) async throws(PostgresError) -> [Job] {
        let rows = try await pool.query(Statements.heldInFlows, [.optional(after?.description), .integer(Int64(limit))])
        return try rows.map { (row) throws(PostgresError) in try row.job() }
    }

    private func release(_ statement: String, _ which: PostgresValue, _ now: Timestamp) async throws(PostgresError) -> [Job] {
        let rows = try await pool.query(statement, [which, .integer(now.milliseconds)])
        let ids = try rows.map { (row) throws(PostgresError) in try row.jobID("id") }
        let jobs = try await jobs(ids)
        return ids.compactMap { jobs[$0] }
    }
}
