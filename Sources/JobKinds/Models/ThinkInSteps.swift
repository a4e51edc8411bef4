/// `thinking`: several models think a question through, each in numbered steps of which the last is its answer. Every step of every model is
/// durable: a later attempt goes on with the step that was under way. What the steps are for: `ThinkingPlan`.
package import JobModel

package struct ThinkInSteps: JobHandler {
    /// Of a thought that is kept, and of what a model thought on its own beside it.
    static let maxThoughtBytes = 40_000

    package static let kind = JobKind(
        name: "thinking", summary: "Lets several models think a question through in steps", queue: "models",
        input: InputShape([
            .init("question", .text(maxLength: 100_000), required: true, "what is asked"),
            .init("num_thinking_steps", .integer(3...10), standard: 5, "steps of each model; the last one is its answer"),
            .init("session_id", .text(maxLength: 200), "the conversation that question and answers are kept in"),
            .init("include_history", .boolean, standard: false, "the models hear what was said in the session"),
            .init("system_prompt", .text(maxLength: 20_000), "who the models are, and how they answer"),
            .init("enable_thinking", .boolean, standard: true, "models that think on their own do so in each step"),
            .init("models", .texts(maxCount: ModelPanel.most, maxLength: 200), "who is asked"),
        ]),
        estimatedMilliseconds: 30_000, isConversational: true,
        // Two seconds a step: three models with five steps are of weight 1.
        weight: { input in
            guard input["question"] != nil else { return nil }
            return Double(ModelPanel.count(input) * (input["num_thinking_steps"]?.integer ?? 5)) / 15
        },
        label: { JobLabel("Thinking", $0["question"]?.string, description: "\($0["num_thinking_steps"]?.integer ?? 5) thinking steps") })

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
        let plan = ThinkingPlan(steps: context.input["num_thinking_steps"]?.integer ?? 5)
        let thinkers = context.input["enable_thinking"] == true ? await thinkers(among: names) : []
        let steps = StepsDone(of: names.count * plan.steps, context)
        try await context.progress(2, step: "think", "\(names.joined(separator: ", ")) begin to think in \(plan.steps) steps")
        let answers = try await ModelPanel.ask(names) { (name) throws(JobFailure) in
            let mind = Mind(name: name, isNative: thinkers.contains(name), talk: talk, plan: plan)
            return try await think(question, mind, steps, context)
        }
        try talk.say(question, answers.compactMap(Self.said), in: context)
        var result = ModelPanel.result(question, answers, talk)
        result["num_thinking_steps"] = .integer(Int64(plan.steps))
        result["models"] = .array(answers.compactMap(\.value))
        result["prompts"] = [Prompt.thinkingSystem, .thinkingFirst, .thinkingNext].versions
        return .object(result)
    }

    /// One model, start to end. The conversation grows by each step, so a server that keeps what it has read reads only what is new.
    private func think(
        _ question: String, _ mind: Mind, _ done: StepsDone, _ context: JobContext
    ) async throws(JobFailure) -> JSONValue {
        var messages = mind.talk.messages(for: mind.name)
        let system = [mind.talk.system, Prompt.thinkingSystem.filled([:])].compactMap(\.self).joined(separator: "\n\n")
        messages = [ModelMessage(.system, system)] + messages.filter { $0.role != .system }
        var thoughts: [JSONValue] = []
        for number in 1...mind.plan.steps {
            messages.append(ModelMessage(.user, mind.plan.prompt(number, question)))
            let said = messages
            let thought: JSONValue
            do throws(JobFailure) {
                thought = try await context.step("think-\(mind.name)-\(number)") { () throws(JobFailure) in
                    try await step(number, mind, said, context)
                }
            } catch {
                try await done.leftOut(mind.plan.steps - number + 1, by: mind.name, because: error)
                throw error
            }
            thoughts.append(thought)
            messages.append(ModelMessage(.assistant, thought["thought"]?.string ?? ""))
            try await done.did(number, mind.plan, by: mind.name)
        }
        return mind.result(thoughts)
    }

    private func step(
        _ number: Int, _ mind: Mind, _ messages: [ModelMessage], _ context: JobContext
    ) async throws(JobFailure) -> JSONValue {
        let request = ModelRequest(model: mind.name, task: .chat(messages), thinking: mind.isNative ? .on : .off)
        let answer = try await models.answer(request) { (piece) throws(JobFailure) in
            context.tell(piece, from: "\(mind.name) step \(number)")
        }
        guard !answer.isSilent else {
            throw .retry("\(mind.name) said nothing in step \(number)", type: "empty_answer")
        }
        var document = answer.document
        document["step"] = .integer(Int64(number))
        document["duty"] = .string(mind.plan.duty(number))
        document["thought"] = .string(answer.text.clipped(to: Self.maxThoughtBytes))
        if !answer.thinking.isEmpty { document["native_thinking"] = .string(answer.thinking.clipped(to: Self.maxThoughtBytes)) }
        return .object(document)
    }

    /// Models that can think on their own. A server that does not say so is asked for plain answers: asking others to think is an error there.
    private func thinkers(among names: [String]) async -> Set<String> {
        guard !models.isStandIn else { return Set(names) }
        guard let known = try? await models.models() else { return [] }
        let able = Set(known.filter { $0.capabilities?.contains("thinking") == true }.map { ModelName.plain($0.name) })
        return Set(names.filter { able.contains(ModelName.plain($0)) })
    }

    private static func said(_ answer: PanelAnswer) -> ConversationMessage? {
        guard let value = answer.value, let text = value["answer"]?.string else { return nil }
        let thoughts = (value["thinking"]?.array ?? []).compactMap { $0["thought"]?.string }.joined(separator: "\n\n")
        return ConversationMessage(.assistant, text, model: answer.model, thinking: thoughts)
    }
}

/// One model of the panel, for the length of a job.
private struct Mind: Sendable {
    let name: String
    let isNative: Bool
    let talk: PanelTalk
    let plan: ThinkingPlan

    /// The last step is the answer; the others are what led to it.
    func result(_ thoughts: [JSONValue]) -> JSONValue {
        var result: [String: JSONValue] = [
            "model": .string(name), "thinking": .array(Array(thoughts.dropLast())), "answer": thoughts.last?["thought"] ?? "",
            "thinks_natively": .boolean(isNative), "steps": .integer(Int64(thoughts.count)),
            "duration_ms": .integer(thoughts.reduce(0) { $0 + Int64($1["duration_ms"]?.integer ?? 0) }),
        ]
        result.merge(thoughts.usage?.object ?? [:]) { own, _ in own }
        result["provider"] = thoughts.last?["provider"]
        result["native_thinking"] = thoughts.last?["native_thinking"]
        result["truncated"] = thoughts.last?["truncated"]
        result["stand_in"] = thoughts.last?["stand_in"]
        return .object(result)
    }
}

/// Steps of all models together, told as progress in the order in which they end.
private actor StepsDone {
    private let all: Int
    private let context: JobContext
    private var done = 0

    init(of all: Int, _ context: JobContext) {
        self.all = all
        self.context = context
    }

    func did(_ number: Int, _ plan: ThinkingPlan, by model: String) async throws(JobFailure) {
        done += 1
        try await tell("\(model) did step \(number) of \(plan.steps)", model, number)
    }

    func leftOut(_ count: Int, by model: String, because failure: JobFailure) async throws(JobFailure) {
        guard !failure.mustStop else { return }
        done += count
        try await tell("\(model) failed: \(failure.message)", model, nil)
    }

    private func tell(_ message: String, _ model: String, _ number: Int?) async throws(JobFailure) {
        var fields: [String: JSONValue] = ["model": .string(model), "done": .integer(Int64(done)), "of": .integer(Int64(all))]
        fields["thinking_step"] = number.map { .integer(Int64($0)) }
        try await context.progress(2 + 96 * Double(done) / Double(all), step: "think", message, fields: fields)
    }
}
