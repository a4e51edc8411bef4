internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Asks a job to stop. One that waits is ended at once; one that runs is told, and its worker ends it.
    /// Returns the job as it stands now: `cancelled`, or still `processing` with the request noted.
    package func cancel(_ id: JobID) async throws(DeskError) -> Job {
        let before = try await asking(redis: { () throws(RedisError) in try await queue.requestCancel(id) })
        if let before, !before.isTerminal, before != .processing { try await endWaiting(id) }
        if before == nil { try await endUnknown(id) }
        let job = try await show(id)
        guard !job.state.isTerminal || job.state == .cancelled else { throw .alreadyEnded(job) }
        return job
    }

    /// SQL first. Claimed in between, the job carries the request, and its worker ends it as cancelled.
    private func endWaiting(_ id: JobID) async throws(DeskError) {
        let recorded = try await endRow(id)
        _ = try await asking(redis: { () throws(RedisError) in try await queue.endUnclaimed(id, because: .cancelled) })
        if recorded == .recordedInFlow { await releaseChildren(of: id) }
    }

    /// A recorded job that Redis does not know (yet, or after a loss): ended in SQL, it will not be queued again.
    private func endUnknown(_ id: JobID) async throws(DeskError) {
        if try await endRow(id) == .recordedInFlow { await releaseChildren(of: id) }
    }

    private func endRow(_ id: JobID) async throws(DeskError) -> Recorded {
        let now = Timestamp.now
        return try await asking(postgres: { () throws(PostgresError) in
            try await ledger.endUnclaimed(id, as: .cancelled(.cancelled), at: now, by: "api")
        })
    }
}
