/// `query_models`: one question to several models, side by side. Each answer is a durable step, so a later attempt asks only those that have
/// not answered. Who is asked and what a failure of some means: `ModelPanel.swift`; what is heard of the session: `PanelTalk.swift`.
package import JobModel

package struct QueryModels: JobHandler {
    /// Of an answer that is kept: a step holds 256 KiB of JSON.
    static let maxAnswerBytes = 100_000

    package static let kind = JobKind(
        name: "query_models", summary: "Asks several models the same question", queue: "models",
        input: InputShape([
            .init("question", .text(maxLength: 100_000), required: true, "what is asked"),
            .init("session_id", .text(maxLength: 200), "the conversation that question and answers are kept in"),
            .init("include_history", .boolean, standard: false, "the models hear what was said in the session"),
            .init("system_prompt", .text(maxLength: 20_000), "how the models are to answer"),
            .init("models", .texts(maxCount: ModelPanel.most, maxLength: 200), "who is asked"),
        ]),
        // What failed is told at once: whoever asks waits for it.
        retry: RetryPolicy(maxAttempts: 1), timeoutMilliseconds: 30_000, estimatedMilliseconds: 30_000, isConversational: true,
        weight: { input in input["question"] == nil ? nil : Double(ModelPanel.count(input)) / 3 },
        label: { JobLabel("Query", $0["question"]?.string) })

    package var kind: JobKind { Self.kind }
    private let models: any ModelProvider
    private let panel: ModelPanel

    package init(models: any ModelProvider, panel: ModelPanel) {
        self.models = models
        self.panel = panel
    }

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let question = context.input["question"]?.string ?? ""
        let names = panel.models(for: context.input)
        let talk = try await PanelTalk(context, panel, models: names.count)
        try await context.progress(5, step: "ask", "asking \(names.joined(separator: ", "))")
        let answers = try await ModelPanel.ask(names) { (name) throws(JobFailure) in
            try await context.step("answer-\(name)") { () throws(JobFailure) in
                try await answer(name, talk.messages(for: name) + [ModelMessage(.user, question)], context)
            }
        } onEnd: { (answer, ended) throws(JobFailure) in
            try await context.progress(
                5 + 90 * Double(ended) / Double(names.count), step: answer.model,
                answer.failure.map { "\($0.model) failed: \($0.failure.message)" } ?? "\(answer.model) has answered",
                fields: ["answered": .integer(Int64(ended)), "of": .integer(Int64(names.count))])
        }
        try talk.say(question, answers.compactMap(QueryModels.said), in: context)
        return Self.result(question, answers, talk)
    }

    private func answer(_ name: String, _ messages: [ModelMessage], _ context: JobContext) async throws(JobFailure) -> JSONValue {
        let answer = try await models.answer(ModelRequest(model: name, task: .chat(messages))) { (piece) throws(JobFailure) in
            context.tell(piece, from: name)
        }
        guard !answer.isSilent else { throw .retry("\(name) said nothing", type: "empty_answer") }
        var document = answer.document
        document["model"] = .string(name)
        document["answer"] = .string(answer.text.clipped(to: Self.maxAnswerBytes))
        return .object(document)
    }

    private static func said(_ answer: PanelAnswer) -> ConversationMessage? {
        guard let text = answer.value?["answer"]?.string else { return nil }
        return ConversationMessage(.assistant, text, model: answer.model, tokens: answer.value?["answer_tokens"]?.integer)
    }

    private static func result(_ question: String, _ answers: [PanelAnswer], _ talk: PanelTalk) -> JSONValue {
        var result = ModelPanel.result(question, answers, talk)
        result["answers"] = .array(answers.compactMap(\.value))
        return .object(result)
    }
}

extension ModelPanel {
    /// What results of panels have in common.
    static func result(_ question: String, _ answers: [PanelAnswer], _ talk: PanelTalk) -> [String: JSONValue] {
        let failures = answers.compactMap(\.failed)
        let answered = answers.count - failures.count
        var result: [String: JSONValue] = [
            "question": .string(question), "asked": .integer(Int64(answers.count)), "answered": .integer(Int64(answered)),
            "partial": .boolean(!failures.isEmpty), "failures": .array(failures),
            "message": .string(failures.isEmpty ? "All \(answered) models answered" : "\(answered) of \(answers.count) models answered"),
        ]
        result["session_id"] = talk.session.map(JSONValue.string)
        result["usage"] = answers.compactMap(\.value).usage
        if answers.contains(where: { $0.value?["stand_in"] == true }) { result["stand_in"] = true }
        return result
    }
}

extension ModelAnswer {
    /// There may be thinking, but nothing was said.
    var isSilent: Bool { text.allSatisfy(\.isWhitespace) }

    /// Everything but its text.
    var document: [String: JSONValue] {
        var document: [String: JSONValue] = ["provider": .string(provider)]
        if isStandIn { document["stand_in"] = true }
        if isTruncated { document["truncated"] = true }
        document["prompt_tokens"] = usage.promptTokens.map { .integer(Int64($0)) }
        document["answer_tokens"] = usage.answerTokens.map { .integer(Int64($0)) }
        document["duration_ms"] = usage.milliseconds.map(JSONValue.integer)
        return document
    }
}

extension [JSONValue] {
    /// What these answers cost together; nil where no server said.
    var usage: JSONValue? {
        var sums: [String: JSONValue] = [:]
        for name in ["prompt_tokens", "answer_tokens"] {
            let known = compactMap { $0[name]?.integer }
            if !known.isEmpty { sums[name] = .integer(known.reduce(0) { $0 &+ Int64($1) }) }
        }
        return sums.isEmpty ? nil : .object(sums)
    }
}
