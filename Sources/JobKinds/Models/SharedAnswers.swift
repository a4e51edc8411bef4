/// Answers that are given more than once: from the cache, or to all that ask the same at the same time. Reads top to bottom.
/// The cache only ever saves time: where PostgreSQL does not answer, each job asks its model itself.
import JobLedger
import JobModel
import Logging
import PostgresWire

/// An answer, and where it came from.
struct GivenAnswer: Sendable {
    /// What the job's result has of it.
    let facts: [String: JSONValue]
    let cache: JSONValue
    /// Nobody streamed it to those who watch this job.
    let isOld: Bool
}

/// An answer that was just made.
struct FreshAnswer: Sendable {
    let facts: [String: JSONValue]
    /// False: cut off, or nothing was said; good to read, not to give to others.
    let isWhole: Bool
    let milliseconds: Int64
}

struct SharedAnswers: Sendable {
    typealias Asking = () async throws(JobFailure) -> FreshAnswer

    let ledger: JobLedger
    let models: any ModelProvider
    let embeddingModel: String
    let rules: CacheRules

    func answer(_ question: ModelQuestion, in context: JobContext, _ ask: Asking) async throws(JobFailure) -> GivenAnswer {
        guard question.mode != .off, rules.isOn, question.model.isLookedUp else { return fresh(try await ask(), "off") }
        if let hit = await equal(question, context) { return try await given(hit, question, "exact") }
        var prompt: PromptEmbedding?
        if question.mode == .semantic, question.prompt.utf8.count <= CacheRules.maxComparedBytes {
            prompt = try await embed(question.prompt, context)
            if let prompt, let hit = await similar(question, prompt, context) { return try await given(hit, question, "semantic") }
        }
        var waited = false
        while true {
            switch await turn(question, context) {
            case .mine:
                // Between the look-up and this moment another one's answer may have come.
                if let hit = await equal(question, context) {
                    await giveUp(question, context)
                    return try await given(hit, question, "exact", shared: waited)
                }
                return try await lead(question, prompt, context, ask)
            case .running, .answered:
                if !waited { try await context.progress(10, step: "wait", "another job asks the same; waiting for its answer") }
                waited = true
                try await waitForOther(question, context)
                if let hit = await equal(question, context) { return try await given(hit, question, "exact", shared: true) }
            case .alone, nil: return fresh(try await ask(), "none")
            }
        }
    }

    /// Asks for all that wait. However it ends, they are told: by the answer, or by a lead that is free again.
    private func lead(
        _ question: ModelQuestion, _ prompt: PromptEmbedding?, _ context: JobContext, _ ask: Asking
    ) async throws(JobFailure) -> GivenAnswer {
        let renewing = renewing(question, context)
        defer { renewing.cancel() }
        let answer: FreshAnswer
        do throws(JobFailure) { answer = try await ask() } catch {
            // What fails for good would fail for each of them, one after the other: they ask side by side.
            if error.verdict == .permanent { await endAlone(question, context) }
            await giveUp(question, context)
            throw error
        }
        await keep(answer, question, prompt, context)
        return fresh(answer, "none", key: question.key)
    }

    private func keep(_ answer: FreshAnswer, _ question: ModelQuestion, _ prompt: PromptEmbedding?, _ context: JobContext) async {
        let facts = JSONValue.object(answer.facts)
        let fits = answer.isWhole && facts.bytes.count <= rules.maxEntryBytes
        let entry = AnswerToCache(
            key: question.key, scope: question.scope, kind: question.kind, model: question.model.name, digest: question.model.digest,
            answer: facts, durationMilliseconds: answer.milliseconds, prompt: prompt)
        guard fits else { return await endAlone(question, context) }
        let kept: Void? = await trying("An answer was not kept", context) { () throws(PostgresError) in
            try await ledger.cache(entry, asked: context.jobID, attempt: context.attempt)
        }
        if kept == nil { await giveUp(question, context) }
    }

    private func endAlone(_ question: ModelQuestion, _ context: JobContext) async {
        await trying("It was not told that there is nothing to wait for", context) { () throws(PostgresError) in
            try await ledger.endLeadAlone(question.key, context.jobID, attempt: context.attempt)
        }
    }

    /// In a task of its own: the job's may have been cancelled, and others wait.
    private func giveUp(_ question: ModelQuestion, _ context: JobContext) async {
        await Task {
            await trying("A lead was not given up; it ends by itself", context) { () throws(PostgresError) in
                try await ledger.giveUpLead(question.key, context.jobID, attempt: context.attempt)
            }
        }.value
    }

    private func renewing(_ question: ModelQuestion, _ context: JobContext) -> Task<Void, Never> {
        Task {
            while (try? await Task.sleep(for: rules.lease / 3)) != nil {
                _ = await trying("A lead was not renewed", context) { () throws(PostgresError) in
                    try await ledger.renewLead(question.key, context.jobID, attempt: context.attempt, lease: rules.lease)
                }
            }
        }
    }

    /// Returns when nobody asks any more. Looks again after pauses that grow: many jobs may wait at once.
    private func waitForOther(_ question: ModelQuestion, _ context: JobContext) async throws(JobFailure) {
        var pause = Duration.milliseconds(20)
        repeat {
            do { try await Task.sleep(for: pause * Double.random(in: 0.7...1)) } catch { throw .cancelled }
            pause = min(pause * 1.5, rules.longestPause)
        } while await trying(
            "It is not known whether another job still asks", context,
            { () throws(PostgresError) in
                try await ledger.isPromptAsked(question.key)
            }) == true
    }
}

// Look-ups.
extension SharedAnswers {
    private func equal(_ question: ModelQuestion, _ context: JobContext) async -> CachedAnswer? {
        await trying("The cache was not looked at", context) { () throws(PostgresError) in
            try await ledger.cachedAnswer(question.key, within: rules.longestAge)
        } ?? nil
    }

    private func similar(_ question: ModelQuestion, _ prompt: PromptEmbedding, _ context: JobContext) async -> CachedAnswer? {
        await trying("The cache was not looked at", context) { () throws(PostgresError) in
            try await ledger.similarAnswer(in: question.scope, to: prompt, atLeast: rules.similarity, within: rules.longestAge)
        } ?? nil
    }

    private func turn(_ question: ModelQuestion, _ context: JobContext) async -> PromptTurn? {
        await trying("It is not known whether another job asks", context) { () throws(PostgresError) in
            try await ledger.leadPrompt(question.key, context.jobID, attempt: context.attempt, lease: rules.lease)
        }
    }

    /// Nil: it cannot be embedded now; then only equal requests are found.
    private func embed(_ prompt: String, _ context: JobContext) async throws(JobFailure) -> PromptEmbedding? {
        do throws(JobFailure) {
            return try await models.embed([prompt], model: embeddingModel).first.map { PromptEmbedding(model: embeddingModel, vector: $0) }
        } catch {
            if error.verdict == .cancelled || Task.isCancelled { throw .cancelled }
            try await context.log("The prompt was not compared by meaning: \(error.message)")
            return nil
        }
    }

    private func trying<Value>(
        _ trouble: Logger.Message, _ context: JobContext, _ call: () async throws(PostgresError) -> Value
    ) async -> Value? {
        do throws(PostgresError) { return try await call() } catch {
            if !Task.isCancelled { context.logger.warning(trouble, metadata: ["error": "\(error)"]) }
            return nil
        }
    }

    private func given(
        _ hit: CachedAnswer, _ question: ModelQuestion, _ word: String, shared: Bool = false
    ) async throws(JobFailure) -> GivenAnswer {
        let saved = hit.durationMilliseconds
        try? await ledger.note(ModelCall(question.place, word == "semantic" ? .semanticHit(saved: saved) : .exactHit(saved: saved)))
        var cache: [String: JSONValue] = [
            "hit": .string(word), "key": .string(hit.key), "age_seconds": .seconds(hit.ageMilliseconds), "saved_ms": .integer(saved),
            "similarity": .number((hit.similarity * 10_000).rounded() / 10_000), "from_job": .string(hit.jobID.description),
        ]
        if shared { cache["shared"] = true }
        return GivenAnswer(facts: hit.answer.object ?? [:], cache: .object(cache), isOld: true)
    }

    private func fresh(_ answer: FreshAnswer, _ word: String, key: String? = nil) -> GivenAnswer {
        var cache: [String: JSONValue] = ["hit": .string(word)]
        cache["key"] = key.map(JSONValue.string)
        return GivenAnswer(facts: answer.facts, cache: .object(cache), isOld: false)
    }
}
