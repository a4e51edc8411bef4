package import JobModel
package import PostgresWire

extension JobLedger {
    /// The last attempts of each job, oldest first; a job without any is not in the answer.
    package func attempts(of ids: [JobID], last count: Int) async throws(PostgresError) -> [JobID: [JobAttempt]] {
        guard !ids.isEmpty else { return [:] }
        var found: [JobID: [JobAttempt]] = [:]
        for row in try await pool.query(Statements.attempts, [.textArray(ids.map(\.description)), .integer(Int64(count))]) {
            var attempt = JobAttempt(number: Int(try row.int("attempt")))
            attempt.worker = try row.optionalString("worker")
            attempt.startedAt = try row.time("started_ms")
            attempt.endedAt = try row.time("ended_ms")
            attempt.outcome = try row.optionalString("outcome")
            attempt.error = try row.optionalString("error")
            attempt.errorType = try row.optionalString("error_type")
            found[try row.jobID("job_id"), default: []].append(attempt)
        }
        return found
    }

    /// Queues failed and cancelled jobs again, with a new series of attempts; returns those that this call changed.
    /// May be repeated: a job that lives or has completed is left alone.
    package func retry(_ ids: [JobID], at now: Timestamp) async throws(PostgresError) -> Set<JobID> {
        guard !ids.isEmpty else { return [] }
        let rows = try await pool.query(Statements.retry, [.textArray(ids.map(\.description)), .integer(now.milliseconds)])
        return Set(try rows.map { (row) throws(PostgresError) in try row.jobID("id") })
    }
}
