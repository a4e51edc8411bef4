package import JobModel
package import PostgresWire

/// What became of a job that a running job wanted to add to its flow.
package enum AddedChild: Sendable {
    case added(Job)
    /// An earlier attempt, or this one, added it before.
    case existing(JobID)
    /// Another attempt holds the job that asked, or it has ended.
    case lost
    case refused(Refusal)

    package enum Refusal: Sendable, Hashable {
        case flowIsCancelled
        case flowIsFull
        /// Another job of the flow has the name.
        case nameIsTaken
        /// No job of the flow has this name.
        case unknownParent(String)
    }
}

extension JobLedger {
    /// One transaction under the lock of the job that asks: it cannot end in between, so the child is there when its end releases children.
    /// `child` comes without its place in the flow; its names decide that.
    package func addChild(_ child: Job, _ request: ChildRequest, of claim: Claim) async throws(PostgresError) -> AddedChild {
        try await pool.transaction { (connection) throws(PostgresError) in
            let adding = Adding(connection: connection, claim: claim, request: request)
            guard let flow = try adding.lockedFlow(at: child.createdAt) else { return .lost }
            if let existing = try adding.addedBefore() { return .existing(existing) }
            if let refusal = try adding.refusal(by: flow) { return .refused(refusal) }
            let names = try adding.parents(in: flow)
            if let unknown = request.dependsOn.first(where: { names[$0] == nil }) { return .refused(.unknownParent(unknown)) }
            var parents = request.startsAfterThisJob ? [claim.job.id] : []
            for name in request.dependsOn { if let id = names[name], !parents.contains(id) { parents.append(id) } }
            var job = child
            job.flow = FlowPlace(flow: flow, name: request.name, parents: parents, onParentFailure: request.onParentFailure)
            job.state = parents.isEmpty ? job.state : .waiting
            return try adding.insert(job, into: flow) ? .added(job) : .refused(.nameIsTaken)
        }
    }
}

/// The steps of adding one child, on one connection.
private struct Adding {
    let connection: PostgresConnection
    let claim: Claim
    let request: ChildRequest
    private var id: PostgresValue { .text(claim.job.id.description) }
    /// The job's name for the child, so that another attempt does not add it again.
    private var scope: String { "child:\(claim.job.id)" }

    init(connection: PostgresConnection, claim: Claim, request: ChildRequest) {
        self.connection = connection
        self.claim = claim
        self.request = request
    }

    /// The flow's row, then the job's: the order in which a cancel of the flow takes them. Nil: this attempt does not hold the job.
    func lockedFlow(at now: Timestamp) throws(PostgresError) -> JobID? {
        let before = try connection.query("SELECT flow_id FROM jobs WHERE id = $1::uuid", [id]).first
        let known = try before?.optionalString("flow_id").flatMap(JobID.init)
        if let known { _ = try connection.query(Statements.lockFlow, [.text(known.description)]) }
        guard let row = try connection.query(Statements.lockLease, [id, .integer(Int64(claim.attempt))]).first else { return nil }
        if let flow = try row.optionalString("flow_id").flatMap(JobID.init) { return flow }
        let founded = JobID(at: now)
        try connection.execute(Statements.foundFlow, [id, .text(founded.description), .integer(now.milliseconds)])
        return founded
    }

    func addedBefore() throws(PostgresError) -> JobID? {
        try connection.query(
            "SELECT id FROM jobs WHERE idempotency_scope = $1 AND idempotency_key = $2", [.text(scope), .text(request.name)]
        ).first?.jobID("id")
    }

    func refusal(by flow: JobID) throws(PostgresError) -> AddedChild.Refusal? {
        guard let row = try connection.query(Statements.lockFlow, [.text(flow.description)]).first else { return nil }
        if try row.bool("is_cancelled") { return .flowIsCancelled }
        return try row.int("job_count") >= Int64(Flow.maxJobs) ? .flowIsFull : nil
    }

    func parents(in flow: JobID) throws(PostgresError) -> [String: JobID] {
        var names: [String: JobID] = [:]
        guard !request.dependsOn.isEmpty else { return names }
        for row in try connection.query(
            "SELECT id, flow_name FROM jobs WHERE flow_id = $1::uuid AND flow_name = ANY ($2::text[])",
            [.text(flow.description), .textArray(request.dependsOn)])
        {
            names[try row.string("flow_name")] = try row.jobID("id")
        }
        return names
    }

    func insert(_ job: Job, into flow: JobID) throws(PostgresError) -> Bool {
        let key = IdempotencyKey(scope: scope, key: request.name, fingerprint: "")
        let rows = try connection.query(Statements.accept, AcceptRequest.parameters([AcceptRequest(job: job, idempotency: key)]))
        guard !rows.isEmpty else { return false }
        try connection.execute("UPDATE flows SET job_count = job_count + 1 WHERE id = $1::uuid", [.text(flow.description)])
        return true
    }
}
