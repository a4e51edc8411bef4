internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Asks every job of a flow to stop: those that run are told, all others end at once. May be repeated.
    /// Returns the flow as it stands now: `cancelled`, or still `processing` with the request noted.
    package func cancelFlow(_ id: JobID) async throws(DeskError) -> Flow {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.cancelFlow(id, at: .now) })
        guard let live = found else { throw .unknownFlow(id) }
        try await inParallel(live) { (job) throws(RedisError) in
            // Claimed a moment ago, its start has not reached SQL: the row refuses it, and its worker is told as well.
            if job.state != .processing, try await queue.endUnclaimed(job.id, because: JobDesk.flowCancelled) != .processing { return }
            _ = try await queue.requestCancel(job.id)
        }
        let flow = try await readFlow(id)
        guard !flow.state.isTerminal || flow.state == .cancelled else { throw .flowEnded(flow) }
        return flow
    }

    private static let flowCancelled = JobFailure(.cancelled, type: "cancelled", "The flow was cancelled")
}
