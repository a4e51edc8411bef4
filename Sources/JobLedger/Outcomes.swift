package import JobModel
package import PostgresWire

/// What became of the end of an attempt.
package enum Recorded: Sendable, Hashable {
    /// The row says so, now or since the same attempt said it before.
    case recorded
    /// The same, and the job has a place in a flow: its end may let others go (`ReleaseChildren.swift`).
    case recordedInFlow
    /// Somebody else ended the job, or a later attempt holds it: the row as it stands. Nil: there is no such row.
    case refused(Job?)
}

/// How jobs start and end in SQL. Only a job that is not terminal, and only an attempt above the row's fence, can change anything.
/// Every call may be repeated after an error: the second one finds what the first one did.
extension JobLedger {
    /// False: the job has ended or the attempt is shut out; it must not run.
    package func recordStart(_ claim: Claim, at: Timestamp) async throws(PostgresError) -> Bool {
        try await starts.submit(StartRequest(claim: claim, at: at))
    }

    /// `turn` is what the job says in its conversation: written with a completion, in its transaction.
    package func record(
        _ outcome: JobOutcome, of claim: Claim, at: Timestamp, saying turn: ConversationTurn? = nil
    ) async throws(PostgresError) -> Recorded {
        try await ends.submit(EndRequest(outcome: outcome, claim: claim, at: at, turn: turn))
    }

    /// Ends a job that no attempt holds: cancelled while it waited, poisoned, or impossible to run. `who` stands where a lease would.
    package func endUnclaimed(_ id: JobID, as outcome: JobOutcome, at: Timestamp, by who: String) async throws(PostgresError) -> Recorded {
        guard outcome.state.isTerminal else { return .refused(try await job(id)) }
        let rows = try await pool.query(
            Statements.endUnclaimed,
            [
                .text(id.description), .text(outcome.state.rawValue), .optional(outcome.result),
                .optional(storable(outcome.failure?.message)),
                .optional(storable(outcome.failure?.type)), .text(who), .integer(at.milliseconds),
            ])
        guard let row = rows.first else { return .refused(try await job(id)) }
        return try row.bool("in_flow") ? .recordedInFlow : .recorded
    }

    /// Shuts out attempts whose workers died: nothing that they still send is written. Comes before their jobs are queued again.
    package func fence(_ attempts: [(JobID, Int)]) async throws(PostgresError) {
        guard !attempts.isEmpty else { return }
        try await pool.execute(
            Statements.fence, [.textArray(attempts.map(\.0.description)), .integerArray(attempts.map { Int64($0.1) })])
    }
}

struct StartRequest: BatchedRequest {
    let claim: Claim
    let at: Timestamp
    var jobID: JobID { claim.job.id }
    var size: Int { 200 }

    static func commit(_ requests: [StartRequest], to pool: PostgresPool) async throws(PostgresError) -> [Bool] {
        let rows = try await pool.query(Statements.recordStart, parameters(requests))
        let started = Set(try rows.map { (row) throws(PostgresError) in try row.string("id") })
        return requests.map { started.contains($0.jobID.description) }
    }

    static func parameters(_ requests: [StartRequest]) -> [PostgresValue] {
        [
            .textArray(requests.map(\.jobID.description)), .integerArray(requests.map { Int64($0.claim.attempt) }),
            .textArray(requests.map(\.claim.worker)), .integerArray(requests.map(\.at.milliseconds)),
        ]
    }
}

struct EndRequest: BatchedRequest {
    let outcome: JobOutcome
    let claim: Claim
    let at: Timestamp
    private let result: String?
    private let said: SaidMessages?
    var jobID: JobID { claim.job.id }
    var size: Int { (result?.utf8.count ?? 0) + (said?.turn.size ?? 0) }

    init(outcome: JobOutcome, claim: Claim, at: Timestamp, turn: ConversationTurn? = nil) {
        self.outcome = outcome
        self.claim = claim
        self.at = at
        let text = outcome.result
        result = text
        said = turn.flatMap { text == nil || $0.messages.isEmpty ? nil : SaidMessages(turn: $0, jobID: claim.job.id, at: at) }
    }

    /// One statement when all are written; refused ones are asked about: a lost reply, or somebody else's end.
    static func commit(_ requests: [EndRequest], to pool: PostgresPool) async throws(PostgresError) -> [Recorded] {
        var written = try ends(try await write(requests, to: pool))
        let refused = requests.filter { written[$0.jobID.description] == nil }
        if refused.isEmpty { return requests.map { written[$0.jobID.description] ?? .recorded } }
        written.merge(try ends(try await pool.query(Statements.recordedBefore, identity(refused)))) { first, _ in first }
        let others = refused.map(\.jobID).filter { written[$0.description] == nil }
        let rows = others.isEmpty ? [:] : try await JobLedger.read(others, from: pool)
        return requests.map { written[$0.jobID.description] ?? .refused(rows[$0.jobID]) }
    }

    /// What jobs said goes into the transaction of their ends, and only for those that ended here.
    private static func write(_ requests: [EndRequest], to pool: PostgresPool) async throws(PostgresError) -> [PostgresRow] {
        let said = requests.compactMap(\.said)
        if said.isEmpty { return try await pool.query(Statements.record, parameters(requests)) }
        return try await pool.transaction { (connection) throws(PostgresError) in
            let rows = try connection.query(Statements.record, parameters(requests))
            let ended = Set(try rows.map { (row) throws(PostgresError) in try row.jobID("id") })
            try connection.execute(Statements.appendMessages, SaidMessages.parameters(said.filter { ended.contains($0.jobID) }))
            return rows
        }
    }

    private static func ends(_ rows: [PostgresRow]) throws(PostgresError) -> [String: Recorded] {
        var ends: [String: Recorded] = [:]
        for row in rows { ends[try row.string("id")] = try row.bool("in_flow") ? .recordedInFlow : .recorded }
        return ends
    }

    private static func identity(_ requests: [EndRequest]) -> [PostgresValue] {
        [
            .textArray(requests.map(\.jobID.description)), .integerArray(requests.map { Int64($0.claim.attempt) }),
            .textArray(requests.map(\.claim.lease)), .textArray(requests.map(\.outcome.word)),
        ]
    }

    static func parameters(_ requests: [EndRequest]) -> [PostgresValue] {
        let outcomes = requests.map(\.outcome)
        return [
            .textArray(requests.map(\.jobID.description)), .integerArray(requests.map { Int64($0.claim.attempt) }),
            .textArray(requests.map(\.claim.worker)), .textArray(requests.map(\.claim.lease)),
            .integerArray(requests.map(\.at.milliseconds)),
            .textArray(outcomes.map(\.state.rawValue)), .textArray(outcomes.map(\.word)), .textArray(requests.map(\.result)),
            .textArray(outcomes.map { storable($0.failure?.message) }), .textArray(outcomes.map { storable($0.failure?.type) }),
            .integerArray(requests.map { $0.outcome.dueTime(after: $0.at) }), .integerArray(outcomes.map { $0 == .handBack ? 1 : 0 }),
        ]
    }
}

extension JobOutcome {
    /// `job_attempts.outcome`.
    var word: String {
        switch self {
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .retry: "retry"
        case .handBack: "handed_back"
        }
    }

    var result: String? {
        if case .completed(let value) = self { return value.withoutNulls.serialized }
        return nil
    }

    func dueTime(after now: Timestamp) -> Int64? {
        if case .retry(_, let delay) = self { return now.advanced(byMilliseconds: delay).milliseconds }
        return nil
    }
}
