package import PostgresWire

/// How long records are kept after the job's end, in days; 0 is for ever.
package struct RecordAges: Sendable, Hashable {
    package var standardDays: Int
    package var daysByKind: [String: Int]

    package init(standardDays: Int, daysByKind: [String: Int] = [:]) {
        self.standardDays = standardDays
        self.daysByKind = daysByKind
    }

    /// The shortest of them; nil when everything is kept for ever.
    package var shortestDays: Int? {
        ([standardDays] + daysByKind.values).filter { $0 > 0 }.min()
    }
}

/// What is old goes, in batches that never wait for anybody. Only the leader's token deletes.
extension JobLedger {
    /// Records of jobs that ended longer ago than they are kept, with their attempts and steps; returns how many went.
    package func forgetJobs(olderThan ages: RecordAges, _ token: LeaderToken, limit: Int = 1_000) async throws(PostgresError) -> Int {
        let own = ages.daysByKind.sorted { $0.key < $1.key }
        return try await pool.execute(
            Statements.forgetJobs,
            [
                token.parameter, .integer(Int64(ages.standardDays)), .integer(Int64(limit)), .textArray(own.map(\.key)),
                .integerArray(own.map { Int64($0.value) }),
            ])
    }

    /// Flows whose jobs are all gone; returns how many went.
    package func forgetFlows(
        acceptedBeforeDays days: Int, _ token: LeaderToken, limit: Int = 1_000
    ) async throws(PostgresError) -> Int {
        let parameters = [token.parameter, .integer(Int64(days)), .integer(Int64(limit))]
        return try await pool.execute(Statements.forgetFlows, parameters)
    }

    /// Files that were uploaded more than so many days ago and that nothing will read again; returns how many went.
    package func forgetUploads(olderThanDays days: Int, _ token: LeaderToken, limit: Int = 100) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.forgetUploads, [token.parameter, .integer(Int64(days)), .integer(Int64(limit))])
    }

    /// Steps of completed and cancelled jobs, but not when they were finished; returns how many went.
    package func forgetSteps(_ token: LeaderToken, limit: Int = 1_000) async throws(PostgresError) -> Int {
        Int(try await pool.query(Statements.forgetSteps, [token.parameter, .integer(Int64(limit))]).first?.int("steps") ?? 0)
    }
}
