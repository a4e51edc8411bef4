package import JobModel
package import PostgresWire

/// A flow on its way to being accepted: its own row, and all its jobs with their places in it.
package struct NewFlow: Sendable {
    package let id: JobID
    package let name: String?
    package let metadata: JSONValue
    package let createdAt: Timestamp
    package let jobs: [Job]
    package let idempotency: IdempotencyKey?

    package init(id: JobID, name: String?, metadata: JSONValue, createdAt: Timestamp, jobs: [Job], idempotency: IdempotencyKey?) {
        self.id = id
        self.name = name
        self.metadata = metadata
        self.createdAt = createdAt
        self.jobs = jobs
        self.idempotency = idempotency
    }
}

/// Flows as rows: accepted whole or not at all, cancelled, read.
extension JobLedger {
    /// One transaction. Returns what `accept` of a single job does, with the flow's id in place of the job's.
    package func accept(_ flow: NewFlow) async throws(PostgresError) -> Acceptance {
        let jobs = flow.jobs.map { AcceptRequest(job: $0, idempotency: nil) }
        return try await pool.transaction(timeLimit: .seconds(30)) { (connection) throws(PostgresError) in
            guard try connection.query(Statements.acceptFlow, flow.parameters).isEmpty else {
                let inserted = try connection.query(Statements.accept, AcceptRequest.parameters(jobs))
                guard inserted.count == jobs.count else { throw PostgresError(.statement, "A job of a new flow exists already") }
                return .accepted
            }
            guard let holder = try connection.query(Statements.flowAcceptedBefore, flow.identity).first else {
                throw PostgresError(.statement, sqlState: "40001", "A taken idempotency key has no holder")
            }
            let id = try holder.jobID("id")
            return try holder.optionalBool("is_same") == true ? .existing(id) : .conflict(id)
        }
    }

    /// Whether its idempotency key was used before.
    package func isKnown(_ flow: NewFlow) async throws(PostgresError) -> Bool {
        guard flow.idempotency != nil else { return false }
        return try await !pool.query(Statements.flowAcceptedBefore, flow.identity).isEmpty
    }

    /// Ends every job of the flow that no attempt has started, and notes the request. Returns the jobs that were live with their states before;
    /// nil: there is no such flow. A flow without live jobs is left as it is.
    package func cancelFlow(_ id: JobID, at now: Timestamp) async throws(PostgresError) -> [(id: JobID, state: JobState)]? {
        let key = PostgresValue.text(id.description)
        let rows: [PostgresRow]? = try await pool.transaction(timeLimit: .seconds(30)) { (connection) throws(PostgresError) in
            // The lock comes first: a job that is being added is seen by what follows, or refused.
            guard try !connection.query(Statements.lockFlow, [key]).isEmpty else { return nil }
            let live = try connection.query(Statements.endFlow, [key, .integer(now.milliseconds)])
            guard !live.isEmpty else { return [] }
            try connection.execute(
                "UPDATE flows SET cancelled_at = coalesce(cancelled_at, to_timestamp($2::bigint / 1000.0)) WHERE id = $1::uuid",
                [key, .integer(now.milliseconds)])
            return live
        }
        return try rows?.map { (row) throws(PostgresError) in (try row.jobID("id"), try row.state("status")) }
    }

    package func flow(_ id: JobID) async throws(PostgresError) -> Flow? {
        try await pool.query(Statements.flowByID, [.text(id.description)]).first?.flow()
    }

    /// Newest first; `before` is the last one of the page before.
    package func flows(before: JobID?, limit: Int) async throws(PostgresError) -> [Flow] {
        let rows = try await pool.query(Statements.flowsBefore, [.optional(before?.description), .integer(Int64(limit))])
        return try rows.map { (row) throws(PostgresError) in try row.flow() }
    }

    /// A page of the flow's jobs in the order they were given; `after` is the last one of the page before.
    package func flowJobs(_ id: JobID, after: JobID?, limit: Int) async throws(PostgresError) -> [FlowJob] {
        let rows = try await pool.query(
            Statements.flowJobs, [.text(id.description), .optional(after?.description), .integer(Int64(limit))])
        return try rows.map { (row) throws(PostgresError) in try row.flowJob() }
    }

    /// Every job of the flow by its name.
    package func flowNames(_ id: JobID) async throws(PostgresError) -> [String: JobID] {
        var names: [String: JobID] = [:]
        for row in try await pool.query(Statements.flowNames, [.text(id.description)]) {
            names[try row.string("flow_name")] = try row.jobID("id")
        }
        return names
    }

    /// What the parents of a job left, by their names. Nil when their results have more than `maxBytes` together.
    package func parents(of id: JobID, maxBytes: Int) async throws(PostgresError) -> [String: ParentOutcome]? {
        var outcomes: [String: ParentOutcome] = [:]
        for row in try await pool.query(Statements.parents, [.text(id.description), .integer(Int64(maxBytes))]) {
            guard try row.int("total") <= Int64(maxBytes) else { return nil }
            outcomes[try row.string("flow_name")] = ParentOutcome(
                id: try row.jobID("id"), kind: try row.string("kind"), state: try row.state("status"), result: try row.json("result"),
                error: try row.optionalString("error"), errorType: try row.optionalString("error_type"))
        }
        return outcomes
    }
}

extension NewFlow {
    fileprivate var parameters: [PostgresValue] {
        [
            .text(id.description), .optional(storable(name)), .text(metadata.withoutNulls.serialized), .integer(Int64(jobs.count)),
            .integer(createdAt.milliseconds), .optional(idempotency?.scope), .optional(idempotency?.key),
            .optional(idempotency?.fingerprint),
        ]
    }

    fileprivate var identity: [PostgresValue] {
        [.text(id.description), .optional(idempotency?.scope), .optional(idempotency?.key), .optional(idempotency?.fingerprint)]
    }
}
