package import PostgresWire

/// What the search knows, brought in line with the jobs by the leader: what changed lately at once, everything else by and by. Only derived data:
/// whatever is lost here is made again.
extension JobLedger {
    /// Where the walk through all jobs stands.
    package struct SearchSweep: Sendable, Hashable {
        var after: String?
        /// Jobs that this walk has found old.
        package var stale = 0

        package init() {}
    }

    private static let sweepWindow = 2_000
    private static let lowestID = "00000000-0000-0000-0000-000000000000"
    private static let highestID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

    /// Jobs that ended or were accepted in the last seconds; returns how many were made known.
    package func searchFresh(_ token: LeaderToken, limit: Int) async throws(PostgresError) -> Int {
        let rows = try await pool.query(Statements.searchFresh, [.integer(Int64(limit))])
        return try await store(Array(Set(try rows.map { (row) throws(PostgresError) in try row.string("id") })), token)
    }

    /// The next jobs by their ids. Nil: the walk has come to its end.
    package func searchSweep(_ sweep: SearchSweep, _ token: LeaderToken, limit: Int) async throws(PostgresError) -> SearchSweep? {
        let from = sweep.after ?? Self.lowestID
        let rows = try await pool.query(Statements.searchStale, [.text(from), .integer(Int64(Self.sweepWindow))])
        var looked: [(id: String, isStale: Bool)] = []
        for row in rows { looked.append((try row.string("id"), try row.bool("is_stale"))) }
        let stale = looked.filter(\.isStale).prefix(limit).map(\.id)
        let isCut = looked.count(where: \.isStale) > limit
        let end = isCut ? stale.last : looked.last?.id
        _ = try await store(stale, token)
        let isOver = !isCut && rows.count < Self.sweepWindow
        try await pool.execute(Statements.searchForget, [.text(from), .text(isOver ? Self.highestID : end ?? from), token.parameter])
        guard !isOver, let end else { return nil }
        var next = sweep
        next.after = end
        next.stale += stale.count
        return next
    }

    /// A hundred at a time: a batch is a transaction, and holds no lock that a job waits for.
    private func store(_ ids: [String], _ token: LeaderToken) async throws(PostgresError) -> Int {
        var stored = 0
        for start in stride(from: 0, to: ids.count, by: 100) {
            let batch = ids[start..<min(start + 100, ids.count)].map(Optional.some)
            stored += try await pool.transaction { (connection) throws(PostgresError) in
                try connection.script("SET LOCAL client_min_messages = error; SET LOCAL synchronous_commit = off")
                return try connection.execute(Statements.searchStore, [.textArray(Array(batch)), token.parameter])
            }
        }
        return stored
    }
}
