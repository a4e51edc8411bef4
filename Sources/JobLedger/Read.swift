package import JobModel
package import PostgresWire

extension JobLedger {
    package func job(_ id: JobID) async throws(PostgresError) -> Job? {
        try await jobs([id])[id]
    }

    /// Those of the jobs that have a row, by one statement.
    package func jobs(_ ids: [JobID]) async throws(PostgresError) -> [JobID: Job] {
        ids.isEmpty ? [:] : try await Self.read(ids, from: pool)
    }

    /// Jobs that have not ended and were accepted before a moment, in the order of their ids; `after` is the last one of the page before.
    package func liveJobs(acceptedBefore: Timestamp, after: JobID?, limit: Int) async throws(PostgresError) -> [Job] {
        let rows = try await pool.query(
            Statements.liveJobs,
            [.optional(after?.description), .integer(acceptedBefore.milliseconds), .integer(Int64(max(0, min(limit, 10_000))))])
        return try rows.map { (row) throws(PostgresError) in try row.job() }
    }

    /// How long the last completed attempts of kinds took; kinds without any are left out. Costs as much as reading some thousand rows a kind.
    package func lastDurations(of kinds: [String]) async throws(PostgresError) -> [String: DurationHistory] {
        var found: [String: DurationHistory] = [:]
        for row in try await pool.query(Statements.lastDurations, [.textArray(kinds)]) {
            found[try row.string("kind"), default: DurationHistory()].note(try row.int("milliseconds"))
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

    static func read(_ ids: [JobID], from pool: PostgresPool) async throws(PostgresError) -> [JobID: Job] {
        var found: [JobID: Job] = [:]
        for row in try await pool.query(Statements.jobsByID, [.textArray(ids.map(\.description))]) {
            let job = try row.job()
            found[job.id] = job
        }
        return found
    }
}
