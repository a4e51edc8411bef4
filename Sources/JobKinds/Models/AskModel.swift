/// One answer for one job: which model, from the cache or from the model, told word by word. What `generate` and `chat` share.
import JobLedger
import JobModel

struct AskModel: Sendable {
    let models: any ModelProvider
    let choosing: ChooseModel
    let shared: SharedAnswers
    private let ledger: JobLedger

    init(_ rooms: KindRooms) {
        models = rooms.models
        ledger = rooms.ledger
        choosing = ChooseModel(directory: ModelDirectory(rooms.models), provider: rooms.models, ledger: rooms.ledger)
        shared = SharedAnswers(
            ledger: rooms.ledger, models: rooms.models, embeddingModel: rooms.embeddingModel, rules: rooms.cache)
    }

    /// The result of a job whose input has the fields of `ModelFields`. A model that `auto` chose and that fails is followed by the next best.
    func answer(_ task: ModelRequest.Task, in context: JobContext, kind: String) async throws(JobFailure) -> [String: JSONValue] {
        let input = context.input
        let category = input["task_category"]?.string ?? ModelPlace.generalCategory
        try await context.progress(2, step: "choose", "looking for the model")
        let thinking = ModelInput.thinking(input["think"]) ?? .off
        var candidates = try await choosing.candidates(
            input["model"]?.string ?? ChosenModel.auto, needing: thinking == .off ? ["completion"] : ["completion", "thinking"],
            for: kind, category, in: context)[...]
        let request = ModelRequest(
            model: "", task: task, thinking: thinking, options: ModelInput.options(input["options"]),
            format: input["format"].flatMap { $0.isNull ? nil : $0 })
        var tried: [JSONValue] = []
        while true {
            let chosen = candidates.removeFirst()
            do throws(JobFailure) {
                return try await answer(request, by: chosen, tried, in: context, kind, category)
            } catch {
                guard error.isOfModel, !Task.isCancelled, let next = candidates.first else { throw error }
                tried.append(["model": .string(chosen.name), "error": .string(error.message), "error_type": .string(error.type)])
                try await context.log("\(chosen.name) failed (\(error.message)); asking \(next.name)")
            }
        }
    }

    private func answer(
        _ request: ModelRequest, by chosen: ChosenModel, _ tried: [JSONValue], in context: JobContext, _ kind: String, _ category: String
    ) async throws(JobFailure) -> [String: JSONValue] {
        var request = request
        request.model = chosen.name
        let asked = request
        let (prompt, rest) = asked.parts
        let question = ModelQuestion(
            kind: kind, model: chosen, provider: models.name, category: category,
            mode: CacheMode(context.input["cache"], asked.options), prompt: prompt, rest: rest)

        let given = try await shared.answer(question, in: context) { () throws(JobFailure) in
            try await counted(question.place) { () throws(JobFailure) in try await ask(asked, in: context) }
        }
        if given.isOld { tell(given.facts, of: chosen.name, in: context) }
        var result = given.facts
        result["cache"] = given.cache
        result["routing"] = Self.routing(chosen, tried)
        result["task_category"] = .string(category)
        return result
    }

    /// Why this model, and which ones had failed before it.
    private static func routing(_ chosen: ChosenModel, _ tried: [JSONValue]) -> JSONValue? {
        guard var routing = chosen.routing?.object, !tried.isEmpty else { return chosen.routing }
        routing["chosen"] = .string(chosen.name)
        routing["tried"] = .array(tried)
        return .object(routing)
    }

    /// A failure of the model counts against it; a job that was told to stop does not.
    func counted(
        _ place: ModelPlace, _ ask: () async throws(JobFailure) -> FreshAnswer
    ) async throws(JobFailure) -> FreshAnswer {
        do throws(JobFailure) {
            let answer = try await ask()
            let tokens = answer.facts["usage"]?["answer_tokens"]?.integer ?? 0
            try? await ledger.note(ModelCall(place, .answered(milliseconds: answer.milliseconds, tokens: tokens)))
            return answer
        } catch {
            if error.isOfModel, !Task.isCancelled { try? await ledger.note(ModelCall(place, .failed)) }
            throw error
        }
    }

    private func ask(_ request: ModelRequest, in context: JobContext) async throws(JobFailure) -> FreshAnswer {
        try await context.progress(10, step: "ask", "asking \(request.model)")
        let begin = ContinuousClock.now
        var pace = AnswerPace(limit: request.options["num_predict"]?.integer)
        let answer = try await models.answer(request) { (piece) throws(JobFailure) in
            context.tell(piece, from: request.model)
            guard let (percent, step) = pace.heard(piece) else { return }
            try await context.progress(percent, step: step, "\(request.model) \(step == "think" ? "thinks" : "answers")")
        }
        // The server's own time where it is known: waiting for a permit says nothing of the model.
        let milliseconds = answer.usage.milliseconds ?? begin.duration(to: .now).milliseconds
        var facts = Self.facts(answer, request.model, milliseconds)
        facts["structured"] = try Self.structured(answer, request.format)
        return FreshAnswer(facts: facts, isWhole: !answer.isTruncated && !answer.isSilent, milliseconds: milliseconds)
    }

    /// What was streamed for another job is told in larger pieces.
    private func tell(_ facts: [String: JSONValue], of model: String, in context: JobContext) {
        for piece in Self.pieces(facts["thinking"]?.string) { context.tell(.thinking(piece), from: model) }
        for piece in Self.pieces(facts["text"]?.string) { context.tell(.text(piece), from: model) }
    }

    private static func pieces(_ text: String?) -> [String] {
        var rest = (text ?? "")[...]
        var pieces: [String] = []
        while !rest.isEmpty {
            pieces.append(String(rest.prefix(2_000)))
            rest = rest.dropFirst(2_000)
        }
        return pieces
    }
}

// What becomes of an answer.
extension AskModel {
    static func facts(_ answer: ModelAnswer, _ model: String, _ milliseconds: Int64) -> [String: JSONValue] {
        var facts: [String: JSONValue] = [
            "text": .string(answer.text), "model": .string(model), "provider": .string(answer.provider),
            "truncated": .boolean(answer.isTruncated), "stand_in": .boolean(answer.isStandIn), "usage": usage(answer.usage),
            "timings": timings(answer.usage, milliseconds),
        ]
        if !answer.thinking.isEmpty { facts["thinking"] = .string(answer.thinking) }
        if ModelName.plain(answer.model) != model { facts["server_model"] = .string(answer.model) }
        return facts
    }

    static func usage(_ usage: ModelUsage) -> JSONValue {
        var members: [String: JSONValue] = [:]
        members["prompt_tokens"] = usage.promptTokens.map { .integer(Int64($0)) }
        members["answer_tokens"] = usage.answerTokens.map { .integer(Int64($0)) }
        if let prompt = usage.promptTokens, let answer = usage.answerTokens {
            members["total_tokens"] = .integer(Int64(clamping: prompt.addingReportingOverflow(answer).partialValue))
        }
        return .object(members)
    }

    private static func timings(_ usage: ModelUsage, _ milliseconds: Int64) -> JSONValue {
        var members: [String: JSONValue] = ["total_ms": .integer(milliseconds)]
        members["load_ms"] = usage.loadMilliseconds.map { .integer($0) }
        members["writing_ms"] = usage.writingMilliseconds.map { .integer($0) }
        if let tokens = usage.answerTokens, let writing = usage.writingMilliseconds, writing > 0 {
            members["tokens_per_second"] = .number((Double(tokens) * 10_000 / Double(writing)).rounded() / 10)
        }
        return .object(members)
    }

    /// Whatever the server promised, the text is looked at. Asked again, a model may do better, so this is tried again like other failures.
    static func structured(_ answer: ModelAnswer, _ format: JSONValue?) throws(JobFailure) -> JSONValue? {
        guard let format else { return nil }
        guard !answer.isTruncated else {
            throw .permanent(
                "The answer was cut off before its JSON was complete: give a larger options.num_predict, or a smaller format",
                type: "answer_truncated")
        }
        let value: JSONValue
        do { value = try JSONReader.read(answer.text) } catch {
            throw .retry("The model's answer is not JSON: \(error.reason) at byte \(error.offset)", type: "format_violated")
        }
        let faults = JSONSchema(format).faults(in: value)
        guard faults.isEmpty else {
            let details = faults.prefix(3).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
            throw .retry("The model's answer does not fit the format: \(details)", type: "format_violated")
        }
        return value
    }
}

extension JobFailure {
    /// What tells something about the model: not that its job was stopped or lost.
    fileprivate var isOfModel: Bool {
        switch verdict {
        case .retry, .permanent: true
        case .cancelled, .lost, .handBack: false
        }
    }
}
