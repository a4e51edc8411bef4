internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// The flow as SQL has it: starts and ends are there before anybody is told, so it never takes a step back.
    package func readFlow(_ id: JobID) async throws(DeskError) -> Flow {
        guard let flow = try await asking(postgres: { () throws(PostgresError) in try await ledger.flow(id) }) else {
            throw .unknownFlow(id)
        }
        return flow
    }

    /// Newest first; `before` is the last one of the page before.
    package func listFlows(before: JobID?, limit: Int) async throws(DeskError) -> [Flow] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.flows(before: before, limit: limit) })
    }

    /// A page of the flow's jobs in their order. How far a running job is, Redis says; without Redis the page comes without it.
    package func jobs(of flow: JobID, after: JobID?, limit: Int) async throws(DeskError) -> [FlowJob] {
        var jobs = try await asking(postgres: { () throws(PostgresError) in try await ledger.flowJobs(flow, after: after, limit: limit) })
        let running = jobs.indices.filter { jobs[$0].state == .processing }
        guard !running.isEmpty, let live = try? await queue.progress(of: running.map { jobs[$0].id }) else { return jobs }
        for index in running { jobs[index].progress = live[jobs[index].id] ?? jobs[index].progress }
        return jobs
    }
}
