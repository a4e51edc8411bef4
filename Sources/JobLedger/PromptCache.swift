package import JobModel
package import PostgresWire

/// Answers of models that may be given again. What is equal and what may be kept is decided by the kinds (`SharedAnswers`); who asks while
/// many want the same is `PromptLeads.swift`'s.
extension JobLedger {
    /// Prompts that one look-up by meaning compares: the latest of the scope.
    package static let comparedPrompts = 500

    /// The answer to an equal request. Counts as a hit.
    package func cachedAnswer(_ key: String, within age: Duration) async throws(PostgresError) -> CachedAnswer? {
        try await pool.query(Statements.cachedAnswer, [.text(key), .double(age / .seconds(1))]).first?.cachedAnswer()
    }

    /// The answer to the prompt whose embedding is nearest, if it is near enough. Counts as a hit. Cost: one pass over the latest
    /// `comparedPrompts` vectors of the scope.
    package func similarAnswer(
        in scope: String, to prompt: PromptEmbedding, atLeast similarity: Double, within age: Duration
    ) async throws(PostgresError) -> CachedAnswer? {
        try await pool.query(
            Statements.similarAnswer,
            [
                .text(scope), .floatArray(prompt.vector), .optional(storable(prompt.model)), .double(similarity),
                .integer(Int64(JobLedger.comparedPrompts)), .double(age / .seconds(1)),
            ]
        ).first?.cachedAnswer()
    }

    /// Keeps an answer, and ends the lead of the attempt that asked: those who wait for it find it.
    package func cache(_ answer: AnswerToCache, asked id: JobID, attempt: Int) async throws(PostgresError) {
        let text = answer.answer.withoutNulls.serialized
        try await pool.execute(
            Statements.cacheAnswer,
            [
                .text(answer.key), .text(answer.scope), .text(answer.kind), .optional(storable(answer.model)),
                .optional(storable(answer.digest)), .text(text), .integer(Int64(text.utf8.count + 4 * (answer.prompt?.vector.count ?? 0))),
                .integer(answer.durationMilliseconds), .optional(storable(answer.prompt?.model)), .floatArray(answer.prompt?.vector ?? []),
                .text(id.description), .integer(Int64(attempt)),
            ])
    }

    /// What the cache holds, by kind and model; the thousand largest.
    package func cacheStatistics() async throws(PostgresError) -> [CacheShelf] {
        try await pool.query(Statements.cacheStatistics).map { (row) throws(PostgresError) in
            CacheShelf(
                kind: try row.string("kind"), model: try row.string("model"), entries: try row.int("entries"), bytes: try row.int("bytes"),
                comparable: try row.int("comparable"), exactHits: try row.int("exact_hits"), semanticHits: try row.int("semantic_hits"),
                oldest: try row.time("oldest_ms") ?? .now, newest: try row.time("newest_ms") ?? .now)
        }
    }

    /// How many answers are kept.
    package func cachedAnswers() async throws(PostgresError) -> Int64 {
        try await pool.query("SELECT count(*) AS n FROM prompt_cache").first?.int("n") ?? 0
    }

    /// At most `limit` answers that were kept before a moment; returns how many went.
    package func clearCache(
        kind: String?, model: String?, before: Timestamp, limit: Int = 1_000
    ) async throws(PostgresError) -> Int {
        var given: [String: PostgresValue] = ["limit": .integer(Int64(limit)), "before_ms": .integer(before.milliseconds)]
        given["kind"] = storable(kind).map(PostgresValue.text)
        given["model"] = storable(model).map(PostgresValue.text)
        let statement = ListStatement(Statements.clearCache, given)
        return try await pool.execute(statement.text, statement.parameters)
    }

    /// Takes one answer out: somebody said that it is bad.
    package func uncache(_ key: String) async throws(PostgresError) -> Int {
        try await pool.execute("DELETE FROM prompt_cache WHERE key = $1::text", [.optional(storable(key))])
    }

    /// Answers that are too old; returns how many went.
    package func forgetAnswers(olderThan age: Duration, _ token: LeaderToken, limit: Int = 500) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.forgetAnswers, [token.parameter, .double(age / .seconds(1)), .integer(Int64(limit))])
    }

    /// Answers that were not used for longest, until the rest has at most so many bytes; returns how many went.
    package func trimCache(toBytes bytes: Int64, _ token: LeaderToken, limit: Int = 500) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.trimCache, [token.parameter, .integer(bytes), .integer(Int64(limit))])
    }
}

extension PostgresRow {
    fileprivate func cachedAnswer() throws(PostgresError) -> CachedAnswer {
        CachedAnswer(
            key: try string("key"), answer: try json("answer") ?? [:], similarity: try double("similarity"),
            ageMilliseconds: max(0, try int("age_ms")), durationMilliseconds: try int("duration_ms"), jobID: try jobID("job_id"))
    }
}
