internal import JobLedger
package import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// Accepts a flow whole or not at all: when this returns, each of its jobs will end exactly once. All of them are recorded, also those of
    /// kinds that are not: SQL decides who waits for whom.
    package func submit(_ request: FlowRequest) async throws(DeskError) -> FlowSubmission {
        await meet(request.members.map(\.request.kind))
        let flow = try compose(request)
        try await checkWebhooks(of: flow.jobs)
        try await gate.admit { () throws(DeskError) in
            try await asking(redis: { () throws(RedisError) in try await queue.probe() })
        }
        try await chargeUnlessRepeated(flow)
        switch try await asking(postgres: { () throws(PostgresError) in try await ledger.accept(flow) }) {
        case .accepted:
            await enqueueOrLeaveToSweep(flow.jobs)
            return FlowSubmission(flow: flow.summary, jobIDs: flow.jobIDs, isReplay: false)
        case .existing(let id):
            let names = try await asking(postgres: { () throws(PostgresError) in try await ledger.flowNames(id) })
            return FlowSubmission(flow: try await readFlow(id), jobIDs: names, isReplay: true)
        case .conflict(let id), .duplicate(let id): throw .idempotencyConflict(id)
        }
    }

    /// The rows are the promise. A Redis that is away from here on delays the jobs: reconciler and sweep queue them later.
    func enqueueOrLeaveToSweep(_ jobs: [Job]) async {
        do throws(DeskError) {
            _ = try await asking(redis: { () throws(RedisError) in try await queue.enqueue(jobs) })
        } catch {
            logger.warning(
                "Accepted jobs of a flow could not be queued yet; the sweep will queue them",
                metadata: ["jobs": "\(jobs.count)", "error": "\(error)"])
            gate.close(because: error)
        }
    }

    private func chargeUnlessRepeated(_ flow: NewFlow) async throws(DeskError) {
        guard Submitter.hasQuota else { return }
        let isRepeated = try await asking(postgres: { () throws(PostgresError) in try await ledger.isKnown(flow) })
        if !isRepeated { _ = try await charge(flow.jobs, atLeast: flow.jobs.count) }
    }

    private func compose(_ request: FlowRequest) throws(DeskError) -> NewFlow {
        let graph = FlowGraph(request.members.map { .init(name: $0.name, parents: $0.dependsOn) })
        var faults = graph.faults
        var jobs: [Job] = []
        for (index, member) in request.members.enumerated() {
            do throws(DeskError) { jobs.append(try compose(member.request)) } catch { faults += try error.faults(at: index) }
        }
        guard faults.isEmpty else { throw .invalid(Array(faults.prefix(100))) }
        let flow = JobID()
        place(request.members, of: flow, on: &jobs)
        return NewFlow(
            id: flow, name: request.name, metadata: request.metadata, createdAt: .now, jobs: jobs,
            idempotency: request.idempotency?.of(Submitter.current))
    }

    /// Ids sort in the order of the request: that is the order in which the flow is shown.
    private func place(_ members: [FlowRequest.Member], of flow: JobID, on jobs: inout [Job]) {
        let ids = jobs.map(\.id).sorted { $0.description < $1.description }
        let named = Dictionary(zip(members.map(\.name), ids), uniquingKeysWith: { first, _ in first })
        for (index, member) in members.enumerated() {
            jobs[index].id = ids[index]
            jobs[index].isRecorded = true
            jobs[index].flow = FlowPlace(
                flow: flow, name: member.name, parents: member.dependsOn.compactMap { named[$0] }, onParentFailure: member.onParentFailure)
            if !member.dependsOn.isEmpty { jobs[index].state = .waiting }
        }
    }
}

extension DeskError {
    /// What is wrong with one job of many, with pointers to it; anything else that went wrong is thrown on.
    fileprivate func faults(at index: Int) throws(DeskError) -> [InputShape.Fault] {
        switch self {
        case .invalid(let faults): return faults.map { $0.ofJob(index) }
        case .unknownKind(_, let known):
            return [.init(pointer: "#/jobs/\(index)/kind", detail: "must be one of: \(known.joined(separator: ", "))")]
        default: throw self
        }
    }
}

extension InputShape.Fault {
    /// The same fault in a request that has the job at this place of `jobs`.
    package func ofJob(_ index: Int) -> InputShape.Fault {
        InputShape.Fault(pointer: "#/jobs/\(index)" + pointer.dropFirst(), detail: detail)
    }
}

extension NewFlow {
    fileprivate var summary: Flow {
        let counts = Dictionary(jobs.map { ($0.state, 1) }, uniquingKeysWith: +)
        return Flow(id: id, name: name, metadata: metadata, createdAt: createdAt, counts: counts)
    }

    fileprivate var jobIDs: [String: JobID] {
        Dictionary(jobs.compactMap { job in job.flow.map { ($0.name, job.id) } }, uniquingKeysWith: { first, _ in first })
    }
}
