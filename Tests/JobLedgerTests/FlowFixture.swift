import JobLedger
import JobModel

extension NewFlow {
    /// Jobs by name, each with its parents; ids sort in the order given.
    static func sample(
        _ nodes: [(String, [String])], policy: FlowPlace.ParentFailure = .cancel, key: IdempotencyKey? = nil, at: Timestamp = .now,
        idOfLast: JobID? = nil, _ change: (inout Job) -> Void = { _ in }
    ) -> NewFlow {
        let id = JobID(at: at)
        var ids = nodes.map { _ in JobID(at: at) }.sorted { $0.description < $1.description }
        if let idOfLast { ids[ids.count - 1] = idOfLast }
        let named = Dictionary(uniqueKeysWithValues: zip(nodes.map(\.0), ids))
        let jobs = zip(nodes, ids).map { node, jobID in
            var job = Job(id: jobID, kind: "web_crawl", queue: "ingest", input: ["url": "http://h/"])
            job.flow = FlowPlace(flow: id, name: node.0, parents: node.1.compactMap { named[$0] }, onParentFailure: policy)
            if !node.1.isEmpty { job.state = .waiting }
            change(&job)
            return job
        }
        return NewFlow(id: id, name: "sample", metadata: ["a": 1], createdAt: at, jobs: jobs, idempotency: key)
    }

    static func sample(
        _ nodes: KeyValuePairs<String, [String]>, policy: FlowPlace.ParentFailure = .cancel, key: IdempotencyKey? = nil,
        at: Timestamp = .now, idOfLast: JobID? = nil, _ change: (inout Job) -> Void = { _ in }
    ) -> NewFlow {
        sample(nodes.map { ($0.key, $0.value) }, policy: policy, key: key, at: at, idOfLast: idOfLast, change)
    }

    subscript(name: String) -> Job {
        jobs.first { $0.flow?.name == name } ?? .sample()
    }
}

extension LedgerFixture {
    func accepted(_ flow: NewFlow) async throws -> NewFlow {
        guard try await ledger.accept(flow) == .accepted else { throw Unexpected("the flow was not accepted") }
        return flow
    }

    /// Ends a job of the flow and lets its children go; returns their names in the order of the flow.
    func end(_ name: String, of flow: NewFlow, _ outcome: JobOutcome) async throws -> [String] {
        guard try await ledger.record(outcome, of: flow[name].claim(), at: .now) == .recordedInFlow else {
            throw Unexpected("the end was refused")
        }
        return try await ledger.releaseChildren(of: flow[name].id).compactMap(\.flow?.name).sorted()
    }
}
