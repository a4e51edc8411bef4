package import JobModel
package import PostgresWire

/// How models do, and what is thought of them: what `model: auto` is chosen by.
extension JobLedger {
    /// Counts a call. Calls of the same moment go together in one statement.
    package func note(_ call: ModelCall) async throws(PostgresError) {
        _ = try await calls.submit(NoteRequest(call: call))
    }

    /// The busiest first.
    package func performance(
        models: [String]? = nil, kind: String? = nil, category: String? = nil, limit: Int = 1_000
    ) async throws(PostgresError) -> [ModelPerformance] {
        var given: [String: PostgresValue] = ["limit": .integer(Int64(max(0, min(limit, 10_000))))]
        given["models"] = models.map { .textArray($0.map(storable)) }
        given["kind"] = storable(kind).map(PostgresValue.text)
        given["category"] = storable(category).map(PostgresValue.text)
        let statement = ListStatement(Statements.selectPerformance, given)
        return try await pool.query(statement.text, statement.parameters).map { (row) throws(PostgresError) in try row.performance() }
    }

    /// A second word of the same caller on the same answer replaces the first.
    package func store(_ feedback: ModelFeedback) async throws(PostgresError) {
        try await pool.transaction { (connection) throws(PostgresError) in
            if let job = feedback.jobID {
                let place: [PostgresValue] = [
                    .text(job.description), .optional(storable(feedback.givenBy)), .optional(storable(feedback.model)),
                ]
                try connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text || $3::text, 22))", place)
                try connection.execute(Statements.takeBackFeedback, place)
            }
            try connection.execute(
                Statements.storeFeedback,
                [
                    .text(feedback.id.description), .optional(storable(feedback.model)), .optional(storable(feedback.kind)),
                    .optional(storable(feedback.category)), .double(feedback.score), .optional(storable(feedback.reason)),
                    .optional(storable(feedback.prompt)), .optional(feedback.jobID?.description), .optional(storable(feedback.givenBy)),
                ])
        }
    }

    /// Feedback that is old, and how models did that were not heard of for as long; returns how many of one of them went.
    package func forgetModels(silentForDays days: Int, _ token: LeaderToken, limit: Int = 500) async throws(PostgresError) -> Int {
        let parameters = [token.parameter, .integer(Int64(days)), .integer(Int64(limit))]
        return Int(try await pool.query(Statements.forgetModels, parameters).first?.int("gone") ?? 0)
    }
}

/// One call on its way to `model_performance`.
struct NoteRequest: BatchedRequest {
    static let mustBeAlone = false
    let call: ModelCall
    let jobID = JobID()
    var size: Int { 300 }

    /// Rows of one place are one row: a statement may touch each only once. In their order, so that two batches never wait in a circle.
    static func commit(_ requests: [NoteRequest], to pool: PostgresPool) async throws(PostgresError) -> [Bool] {
        var sums: [ModelPlace: ModelTally] = [:]
        for request in requests { sums[request.call.place, default: ModelTally()].add(request.call) }
        let rows = Array(sums)
        try await pool.execute(
            Statements.noteCalls,
            [
                .textArray(rows.map { storable($0.key.model) }), .textArray(rows.map { storable($0.key.kind) }),
                .textArray(rows.map { storable($0.key.category) }), .integerArray(rows.map(\.value.answers)),
                .integerArray(rows.map(\.value.failures)), .doubleArray(rows.map(\.value.milliseconds)),
                .integerArray(rows.map(\.value.tokens)), .integerArray(rows.map(\.value.exactHits)),
                .integerArray(rows.map(\.value.semanticHits)), .doubleArray(rows.map(\.value.savedMilliseconds)),
            ])
        return requests.map { _ in true }
    }
}

/// Many calls of one place.
private struct ModelTally {
    var answers: Int64 = 0
    var failures: Int64 = 0
    var milliseconds = 0.0
    var tokens: Int64 = 0
    var exactHits: Int64 = 0
    var semanticHits: Int64 = 0
    var savedMilliseconds = 0.0

    mutating func add(_ call: ModelCall) {
        switch call.outcome {
        case .answered(let milliseconds, let tokens):
            answers += 1
            self.milliseconds += Double(milliseconds)
            self.tokens += Int64(tokens)
        case .failed: failures += 1
        case .exactHit(let saved):
            exactHits += 1
            savedMilliseconds += Double(saved)
        case .semanticHit(let saved):
            semanticHits += 1
            savedMilliseconds += Double(saved)
        }
    }
}

extension PostgresRow {
    fileprivate func performance() throws(PostgresError) -> ModelPerformance {
        var found = ModelPerformance(
            ModelPlace(model: try string("model"), kind: try string("kind"), category: try string("task_category")))
        found.answers = try int("answers")
        found.failures = try int("failures")
        found.totalMilliseconds = try double("total_ms")
        found.totalTokens = try int("total_tokens")
        found.recentMilliseconds = try optionalDouble("recent_ms")
        found.recentFailures = try double("recent_failures")
        found.exactHits = try int("exact_hits")
        found.semanticHits = try int("semantic_hits")
        found.savedMilliseconds = try double("saved_ms")
        found.feedback = try int("feedback")
        found.feedbackSum = try double("feedback_sum")
        found.updatedAt = try time("updated_ms") ?? .now
        return found
    }
}
