package import JobModel
package import PostgresWire

/// What became of a request to accept a job.
package enum Acceptance: Sendable, Hashable {
    case accepted
    /// The same request was accepted before, under the same key or the same id.
    case existing(JobID)
    /// The idempotency key belongs to another request, which made this job.
    case conflict(JobID)
    /// Another job holds the unique key.
    case duplicate(JobID)
}

extension JobLedger {
    /// The row is the promise: when this returns `accepted`, the job survives everything but the loss of PostgreSQL.
    /// After an error of unknown outcome the same job may be accepted again: its id decides.
    package func accept(_ job: Job, idempotency: IdempotencyKey?) async throws(PostgresError) -> Acceptance {
        try await acceptances.submit(AcceptRequest(job: job, idempotency: idempotency))
    }

    /// Each with an answer of its own, in their order: few statements, however many jobs.
    package func accept(_ requests: [(Job, IdempotencyKey?)]) async -> [Result<Acceptance, PostgresError>] {
        await acceptances.submit(requests.map { AcceptRequest(job: $0.0, idempotency: $0.1) })
    }
}

extension JobLedger {
    /// How a request was answered before; nil: it is new.
    package func earlier(_ job: Job, _ idempotency: IdempotencyKey) async throws(PostgresError) -> Acceptance? {
        try await AcceptRequest.lookUp([AcceptRequest(job: job, idempotency: idempotency)], in: pool)[job.id]
    }

    /// The job that holds a unique key of a kind, by its row.
    package func holder(of key: String, kind: String) async throws(PostgresError) -> JobID? {
        try await AcceptRequest.holder(of: key, kind: kind, in: pool)
    }
}

struct AcceptRequest: BatchedRequest {
    let job: Job
    let idempotency: IdempotencyKey?
    private let input: String
    private let metadata: String
    var jobID: JobID { job.id }
    var size: Int { input.utf8.count + metadata.utf8.count }

    init(job: Job, idempotency: IdempotencyKey?) {
        self.job = job
        self.idempotency = idempotency
        input = job.input.withoutNulls.serialized
        metadata = job.metadata.withoutNulls.serialized
    }

    /// Usually one statement; a second one looks up who holds the ids or keys that are taken.
    static func commit(_ requests: [AcceptRequest], to pool: PostgresPool) async throws(PostgresError) -> [Acceptance] {
        // A row that took the key may be deleted before it is looked up: then the request inserts after all.
        for _ in 0..<3 {
            let rows = try await pool.query(Statements.accept, parameters(requests))
            let inserted = Set(try rows.map { (row) throws(PostgresError) in try row.string("id") })
            let taken = requests.filter { !inserted.contains($0.jobID.description) }
            if taken.isEmpty { return requests.map { _ in .accepted } }
            let holders = try await lookUp(taken, in: pool).merging(uniqueHolders(taken, in: pool)) { first, _ in first }
            let answers = requests.map { inserted.contains($0.jobID.description) ? .accepted : holders[$0.jobID] }
            let known = answers.compactMap(\.self)
            if known.count == requests.count { return known }
        }
        throw PostgresError(.statement, "A taken idempotency or unique key has no holder")
    }

    /// Few: their keys were free a moment ago.
    private static func uniqueHolders(_ taken: [AcceptRequest], in pool: PostgresPool) async throws(PostgresError) -> [JobID: Acceptance] {
        var answers: [JobID: Acceptance] = [:]
        for request in taken {
            guard let key = request.job.uniqueness?.key, let id = try await holder(of: key, kind: request.job.kind, in: pool),
                id != request.jobID
            else { continue }
            answers[request.jobID] = .duplicate(id)
        }
        return answers
    }

    fileprivate static func holder(of key: String, kind: String, in pool: PostgresPool) async throws(PostgresError) -> JobID? {
        try await pool.query(Statements.uniqueHolder, [.text(kind), .text(key)]).first?.jobID("id")
    }

    fileprivate static func lookUp(_ taken: [AcceptRequest], in pool: PostgresPool) async throws(PostgresError) -> [JobID: Acceptance] {
        let rows = try await pool.query(
            Statements.acceptedBefore,
            [
                .textArray(taken.map(\.jobID.description)), .textArray(taken.map { $0.idempotency?.scope }),
                .textArray(taken.map { $0.idempotency?.key }),
            ])
        var answers: [JobID: Acceptance] = [:]
        for row in rows {
            let place = Int(try row.int("place")) - 1
            guard taken.indices.contains(place), answers[taken[place].jobID] == nil else { continue }
            let holder = try row.jobID("id")
            let fingerprint = try row.optionalString("fingerprint")
            let hasSameID = try row.bool("same_id")
            let isSame = hasSameID || fingerprint == taken[place].idempotency?.fingerprint
            answers[taken[place].jobID] = isSame ? .existing(holder) : .conflict(holder)
        }
        return answers
    }

    static func parameters(_ requests: [AcceptRequest]) -> [PostgresValue] {
        let jobs = requests.map(\.job)
        return [
            .textArray(jobs.map(\.id.description)), .textArray(jobs.map(\.kind)), .textArray(jobs.map(\.queue)),
            .textArray(jobs.map(\.priority.rawValue)), .textArray(jobs.map(\.state.rawValue)), .textArray(jobs.map { storable($0.title) }),
            .textArray(jobs.map { storable($0.subject) }), .textArray(jobs.map { storable($0.sessionID) }),
            .textArray(jobs.map { JSONValue.array($0.tags.map(JSONValue.string)).withoutNulls.serialized }),
            .textArray(requests.map(\.input)), .textArray(requests.map(\.metadata)),
            .integerArray(jobs.map { Int64($0.maxAttempts) }), .integerArray(jobs.map(\.timeoutMilliseconds)),
            .integerArray(jobs.map(\.estimatedMilliseconds)), .textArray(jobs.map { storable($0.traceparent) }),
            .integerArray(jobs.map(\.createdAt.milliseconds)), .integerArray(jobs.map { $0.scheduledAt?.milliseconds }),
            .textArray(requests.map { $0.idempotency?.scope }), .textArray(requests.map { $0.idempotency?.key }),
            .textArray(requests.map { $0.idempotency?.fingerprint }), .integerArray(jobs.map { Int64($0.attempt) }),
            .integerArray(jobs.map { Int64($0.uncharged) }), .textArray(jobs.map(\.optionsText)),
        ]
    }
}

extension Job {
    /// What few jobs have, as `accept.sql` reads it; nil for a job that has none of it.
    fileprivate var optionsText: String? {
        var options: [String: JSONValue] = [:]
        options["description"] = storable(description).map(JSONValue.string)
        options["concurrency_key"] = storable(concurrencyKey).map(JSONValue.string)
        options["retry_base_ms"] = backoff.map { .integer($0.baseMilliseconds) }
        options["retry_cap_ms"] = backoff.map { .integer($0.capMilliseconds) }
        options["unique_key"] = (uniqueness?.key).flatMap(storable).map(JSONValue.string)
        options["unique_span"] = uniqueness.map { .string($0.span.word) }
        options["unique_ms"] = uniqueness?.span.milliseconds.map(JSONValue.integer)
        options["flow_id"] = flow.map { .string($0.flow.description) }
        options["flow_name"] = (flow?.name).flatMap(storable).map(JSONValue.string)
        options["depends_on"] = flow.map { .array($0.parents.map { .string($0.description) }) }
        options["on_parent_failure"] = flow.map { .string($0.onParentFailure.rawValue) }
        options["submitted_by"] = submittedBy.map(JSONValue.string)
        options["webhook"] = webhook.map { ["url": .string($0.url), "events": .array($0.events.map { .string($0.rawValue) })] }
        return options.isEmpty ? nil : JSONValue.object(options).serialized
    }
}
