internal import JobLedger
internal import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// The rows are the outbox: every live row older than `age` that Redis does not know is queued again, with its attempt number.
    /// After a loss of Redis, and after a crash between row and queue. May run anywhere, any number of times; returns how many were queued.
    package func reconcile(olderThan age: Int64 = 5_000) async throws(DeskError) -> Int {
        let limit = 500
        var after: JobID?
        var queued = 0
        while true {
            let before = Timestamp.now.advanced(byMilliseconds: -age)
            let last = after
            let rows = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.liveJobs(acceptedBefore: before, after: last, limit: limit)
            })
            queued += try await enqueueUnknown(rows)
            guard rows.count == limit, let end = rows.last?.id else { return queued }
            after = end
        }
    }

    private func enqueueUnknown(_ rows: [Job]) async throws(DeskError) -> Int {
        let states = try await asking(redis: { () throws(RedisError) in try await queue.states(of: rows.map(\.id)) })
        var queued = try await resumeRetries(rows.map(\.id).filter { states[$0]?.isTerminal == true })
        for row in rows where states[row.id] == nil {
            if try await asking(redis: { () throws(RedisError) in try await queue.enqueue(row) }) == .accepted { queued += 1 }
        }
        return queued
    }
}
