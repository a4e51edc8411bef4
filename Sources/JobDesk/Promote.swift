internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Queues a scheduled job now, a retry that waits for its pause as well. May be repeated after an error: Redis says whether it still waits.
    package func promote(_ id: JobID) async throws(DeskError) -> Job {
        let job = try await read(id)
        guard job.state == .scheduled else { throw .notScheduled(job) }
        if job.isRecorded {
            _ = try await asking(postgres: { () throws(PostgresError) in try await ledger.promote(id, at: .now) })
        }
        let before = try await asking(redis: { () throws(RedisError) in try await queue.promote(id) })
        if before == nil { try await enqueueLost(id) }
        let now = try await read(id)
        guard before == nil || before == .scheduled else { throw .notScheduled(now) }
        return now
    }

    /// Redis has lost it: the row says what to queue.
    private func enqueueLost(_ id: JobID) async throws(DeskError) {
        let row = try await asking(postgres: { () throws(PostgresError) in try await ledger.job(id) })
        guard let row, !row.state.isTerminal else { return }
        _ = try await asking(redis: { () throws(RedisError) in try await queue.enqueue(row) })
    }
}
