package import JobModel
package import PostgresWire

/// Jobs whose parents have all ended go on, each once: whoever asks first gets the row, everybody else nothing.
/// It comes after the end of the parent is committed: of two parents that end at once, the later one sees both.
extension JobLedger {
    /// The children that the end of this job lets go: `queued`, `scheduled`, or `cancelled` because of a parent. Jobs that end at the same
    /// moment share a statement, and so a child of several of them is looked at once.
    package func releaseChildren(of ended: JobID) async throws(PostgresError) -> [Job] {
        try await releases.submit(ReleaseRequest(jobID: ended))
    }

    package func releaseChildren(of ended: [JobID]) async throws(PostgresError) -> [Job] {
        try await Self.release(Statements.releaseChildren, ended, in: pool)
    }

    /// Those of the jobs that were forgotten, because whoever ended their last parent crashed.
    package func releaseForgotten(among jobs: [JobID]) async throws(PostgresError) -> [Job] {
        try await Self.release(Statements.releaseForgotten, jobs, in: pool)
    }

    /// Jobs with parents that no attempt has started, in the order of their ids; `after` is the last one of the page before.
    package func heldInFlows(after: JobID?, limit: Int) async throws(PostgresError) -> [(id: JobID, state: JobState)] {
        let rows = try await pool.query(Statements.heldInFlows, [.optional(after?.description), .integer(Int64(limit))])
        return try rows.map { (row) throws(PostgresError) in (try row.jobID("id"), try row.state("status")) }
    }

    /// In the order of their ids, which is that of the flow.
    fileprivate static func release(_ statement: String, _ which: [JobID], in pool: PostgresPool) async throws(PostgresError) -> [Job] {
        guard !which.isEmpty else { return [] }
        let rows = try await pool.query(statement, [.textArray(which.map(\.description)), .integer(Timestamp.now.milliseconds)])
        guard !rows.isEmpty else { return [] }
        let ids = try rows.map { (row) throws(PostgresError) in try row.jobID("id") }
        return try await read(ids, from: pool).values.sorted { $0.id.description < $1.id.description }
    }
}

struct ReleaseRequest: BatchedRequest {
    let jobID: JobID
    var size: Int { 36 }

    /// Each child goes to one of the parents that asked.
    static func commit(_ requests: [ReleaseRequest], to pool: PostgresPool) async throws(PostgresError) -> [[Job]] {
        let places = Dictionary(zip(requests.map(\.jobID), requests.indices), uniquingKeysWith: { first, _ in first })
        var answers = [[Job]](repeating: [], count: requests.count)
        for child in try await JobLedger.release(Statements.releaseChildren, requests.map(\.jobID), in: pool) {
            let place = child.flow?.parents.lazy.compactMap { places[$0] }.first ?? 0
            answers[place].append(child)
        }
        return answers
    }
}
