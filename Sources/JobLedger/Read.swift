package import JobModel
internal import Logging
package import PostgresWire

extension JobLedger {
    package func job(_ id: JobID) async throws(PostgresError) -> Job? {
        try await jobs([id])[id]
    }

    /// As lists show it: what cannot be read of its row is named in `unreadable`. Nil where nothing can be.
    package func shownJob(_ id: JobID) async throws(PostgresError) -> Job? {
        try await pool.query(Statements.jobsByID, [.textArray([id.description])]).first?.listedJob(logger)
    }

    /// Those of the jobs that have a row, by one statement.
    package func jobs(_ ids: [JobID]) async throws(PostgresError) -> [JobID: Job] {
        ids.isEmpty ? [:] : try await Self.read(ids, from: pool)
    }

    /// Those that this version can read: one that it cannot must not keep the others from being queued.
    package func readableJobs(_ ids: [JobID]) async throws(PostgresError) -> [Job] {
        let rows = try await pool.query(Statements.jobsByID, [.textArray(ids.map(\.description))])
        return readable(rows).sorted { $0.id.description < $1.id.description }
    }

    private func readable(_ rows: [PostgresRow]) -> [Job] {
        rows.compactMap { row in
            do { return try row.job() } catch {
                logger.error("A job's row cannot be read", metadata: ["job_id": "\((try? row.string("id")) ?? "")", "error": "\(error)"])
                return nil
            }
        }
    }

    /// Jobs that have not ended, were accepted before a moment and wait for no other job, in the order of their ids, between two of them.
    package func liveIDs(
        acceptedBefore: Timestamp, after: JobID?, before: JobID? = nil, limit: Int
    ) async throws(PostgresError) -> [JobID] {
        let rows = try await pool.query(
            Statements.liveIDs,
            [
                .optional(after?.description), .integer(acceptedBefore.milliseconds), .integer(Int64(max(0, min(limit, 10_000)))),
                .optional(before?.description),
            ])
        return try rows.map { (row) throws(PostgresError) in try row.jobID("id") }
    }

    /// Those of the jobs that ended before a moment, as far as this version can read them.
    package func endedJobs(among ids: [JobID], before: Timestamp) async throws(PostgresError) -> [Job] {
        let rows = try await pool.query(Statements.endedAmong, [.textArray(ids.map(\.description)), .integer(before.milliseconds)])
        return readable(rows)
    }

    /// How long the last completed attempts of kinds took; kinds without any are left out. Costs as much as reading some thousand rows a kind.
    /// As it were of jobs of weight 1; those whose weight is not known are left out.
    package func lastDurations(of kinds: [JobKind]) async throws(PostgresError) -> [String: DurationHistory] {
        var found: [String: DurationHistory] = [:]
        for row in try await pool.query(Statements.lastDurations, [.textArray(kinds.map(\.name))]) {
            let name = try row.string("kind")
            let input = (try? row.json("input")) ?? [:]
            guard let weight = kinds.first(where: { $0.name == name })?.weight(of: input) else { continue }
            let milliseconds = (Double(try row.int("milliseconds")) / weight).rounded()
            found[name, default: DurationHistory()].note(Int64(exactly: milliseconds) ?? 0)
        }
        return found
    }

    /// The mark of the Redis data that this database goes with; nil before the first one is set.
    package func generation() async throws(PostgresError) -> String? {
        try await pool.query("SELECT generation FROM redis_generation").first?.string("generation")
    }

    package func setGeneration(_ generation: String) async throws(PostgresError) {
        try await pool.execute(
            "INSERT INTO redis_generation (generation) VALUES ($1) ON CONFLICT (single) DO UPDATE SET generation = excluded.generation",
            [.text(generation)])
    }

    /// The same by the leader, whose sweep it ends; a later leader's sweep is not ended by an earlier one.
    package func setGeneration(_ generation: String, _ token: LeaderToken) async throws(PostgresError) {
        try await pool.execute(Statements.setGeneration, [.text(generation), token.parameter])
    }

    static func read(_ ids: [JobID], from pool: PostgresPool) async throws(PostgresError) -> [JobID: Job] {
        var found: [JobID: Job] = [:]
        for row in try await pool.query(Statements.jobsByID, [.textArray(ids.map(\.description))]) {
            let job = try row.job()
            found[job.id] = job
        }
        return found
    }
}
