internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Jobs that one look takes: a statement and a pipelined read of Redis.
    private static let sweepPage = 1_000

    /// Lets go what a crash left waiting: children that nobody released, and released ones that Redis still calls waiting or has lost.
    /// May run anywhere, any number of times. Returns how many jobs it moved, and where the next call goes on: a call looks at `pages` pages,
    /// so that a large backlog costs little each time.
    package func sweepFlows(after cursor: JobID?, pages: Int = 20) async throws(DeskError) -> (moved: Int, next: JobID?) {
        var moved = 0
        var last = cursor
        for _ in 0..<pages {
            let from = last
            let held = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.heldInFlows(after: from, limit: JobDesk.sweepPage)
            })
            moved += try await release(forgottenOf: held.filter { $0.state == .waiting }.map(\.id))
            moved += try await mend(held)
            last = held.last?.id
            guard held.count == JobDesk.sweepPage else { return (moved, nil) }
        }
        return (moved, last)
    }

    private func release(forgottenOf waiting: [JobID]) async throws(DeskError) -> Int {
        let released = try await asking(postgres: { () throws(PostgresError) in try await ledger.releaseForgotten(among: waiting) })
        try await follow(released)
        return released.count
    }

    /// What Redis does not have as SQL has it. Rows are read whole only for those.
    private func mend(_ held: [(id: JobID, state: JobState)]) async throws(DeskError) -> Int {
        let states = try await asking(redis: { () throws(RedisError) in try await queue.states(of: held.map(\.id)) })
        let behind = held.filter { states[$0.id] == nil || states[$0.id] == .waiting && $0.state != .waiting }.map(\.id)
        let jobs = try await asking(postgres: { () throws(PostgresError) in try await ledger.readableJobs(behind) })
        let waiting = jobs.filter { $0.state == .waiting }
        let ready = jobs.filter { $0.state == .queued || $0.state == .scheduled }
        _ = try await asking(redis: { () throws(RedisError) in try await queue.enqueue(waiting) })
        _ = try await asking(redis: { () throws(RedisError) in try await queue.ready(ready) })
        return waiting.count + ready.count
    }
}
