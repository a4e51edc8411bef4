package import PostgresWire

/// What is old goes, in batches that never wait for anybody. Only the leader's token deletes.
extension JobLedger {
    /// Records of jobs that ended more than so many days ago, with their attempts and steps; returns how many went.
    package func forgetJobs(
        endedBeforeDays days: Int, _ token: LeaderToken, limit: Int = 1_000
    ) async throws(PostgresError) -> Int {
        let parameters = [token.parameter, .integer(Int64(days)), .integer(Int64(limit))]
        return try await pool.execute(Statements.forgetJobs, parameters)
    }

    /// Flows whose jobs are all gone; returns how many went.
    package func forgetFlows(
        acceptedBeforeDays days: Int, _ token: LeaderToken, limit: Int = 1_000
    ) async throws(PostgresError) -> Int {
        let parameters = [token.parameter, .integer(Int64(days)), .integer(Int64(limit))]
        return try await pool.execute(Statements.forgetFlows, parameters)
    }

    /// Steps of completed and cancelled jobs; returns how many went.
    package func forgetSteps(_ token: LeaderToken, limit: Int = 1_000) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.forgetSteps, [token.parameter, .integer(Int64(limit))])
    }
}
