package import JobModel
package import PostgresWire

/// A queue that starts no jobs until somebody resumes it.
package struct PausedQueue: Sendable, Hashable {
    package let name: String
    package let since: Timestamp
    /// Who paused it, as they said.
    package let by: String?

    package init(name: String, since: Timestamp, by: String?) {
        self.name = name
        self.since = since
        self.by = by
    }
}

/// What operators said about queues, kinds and keys. Redis is told; this is what it is told again after a loss.
extension JobLedger {
    package func limits() async throws(PostgresError) -> [Limit] {
        try await pool.query(Statements.selectLimits).map { (row) throws(PostgresError) in try row.limit() }.compactMap(\.self)
    }

    /// Replaces what was said of the same scope and name.
    package func set(_ limit: Limit) async throws(PostgresError) {
        try await pool.execute(
            Statements.setLimit,
            [
                .text(limit.scope.rawValue), .text(limit.name), .optional(limit.concurrency.map(Int64.init)),
                .optional((limit.rate?.count).map(Int64.init)), .optional(limit.rate?.perMilliseconds),
                .optional((limit.rate?.burst).map(Int64.init)), .integer(Int64(limit.weight)),
            ])
    }

    /// False: there was none.
    package func removeLimit(_ scope: Limit.Scope, _ name: String) async throws(PostgresError) -> Bool {
        try await !pool.query(Statements.removeLimit, [.text(scope.rawValue), .text(name)]).isEmpty
    }

    package func pausedQueues() async throws(PostgresError) -> [PausedQueue] {
        try await pool.query(Statements.pausedQueues).map { (row) throws(PostgresError) in
            PausedQueue(name: try row.string("name"), since: try row.time("paused_ms") ?? .now, by: try row.optionalString("paused_by"))
        }
    }

    package func pause(_ queue: String, by who: String?) async throws(PostgresError) {
        try await pool.execute(Statements.pauseQueue, [.text(queue), .optional(storable(who))])
    }

    package func resume(_ queue: String) async throws(PostgresError) {
        try await pool.execute(Statements.resumeQueue, [.text(queue)])
    }

    /// False: the job is not scheduled, or not any more.
    package func promote(_ id: JobID, at now: Timestamp) async throws(PostgresError) -> Bool {
        try await !pool.query(Statements.promote, [.text(id.description), .integer(now.milliseconds)]).isEmpty
    }
}

extension PostgresRow {
    /// Nil for a scope of another version.
    fileprivate func limit() throws(PostgresError) -> Limit? {
        guard let scope = Limit.Scope(rawValue: try string("scope")) else { return nil }
        var rate: Limit.Rate?
        if let count = try optionalInt("rate_count"), let per = try optionalInt("rate_per_ms"), let burst = try optionalInt("burst") {
            rate = Limit.Rate(count: Int(count), perMilliseconds: per, burst: Int(burst))
        }
        return Limit(
            scope: scope, name: try string("name"), concurrency: try optionalInt("concurrency").map { Int($0) }, rate: rate,
            weight: Int(try int("weight")))
    }
}
