/// `maieutic`: a Socratic dialogue about a narrative, one question for each level of depth, ready to be led in a session.
package import JobModel

package struct AskSocratically: JobHandler {
    package static let kind = JobKind(
        name: "maieutic", summary: "Prepares a Socratic dialogue, one question for each level of depth", queue: "models",
        input: InputShape(
            [
                .init("narrative", .text(maxLength: 50_000), "what the dialogue is about"),
                .init("goal", .text(maxLength: 2_000), "what it should bring to light; a narrative or a goal is needed"),
                .init("depth", .integer(1...10), standard: 3, "levels, one question each"),
                .init("session_id", .text(maxLength: 200), "the conversation in which it is led; one of its own where none is named"),
                .init("model", .text(maxLength: 200), "who does it"),
            ], oneOf: ["narrative", "goal"]),
        estimatedMilliseconds: 40_000, isConversational: true, weight: { input in input["depth"]?.integer.map { Double($0 + 1) / 4 } },
        label: { JobLabel("Dialogue", $0["goal"]?.string ?? $0["narrative"]?.string, description: $0["narrative"]?.string) })

    package var kind: JobKind { Self.kind }
    private let models: any ModelProvider
    private let panel: ModelPanel

    package init(models: any ModelProvider, panel: ModelPanel) {
        self.models = models
        self.panel = panel
    }

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let ask = StructuredAsk(models, panel, context)
        let depth = context.input["depth"]?.integer ?? 3
        let matter = Matter(context.input)
        let stages = Stages(Self.stages(depth), in: context)
        let session = try await stages.run(0) { () throws(JobFailure) in
            context.sessionID ?? context.input["session_id"]?.string ?? "maieutic-\(context.jobID)"
        }
        var questions: [JSONValue] = []
        var answers: [JSONValue] = []
        for level in 1...depth {
            let before = questions
            let question = try await stages.run(level) { () throws(JobFailure) in
                try await ask.stage("question-\(level)", .question, matter.values(level, depth, before), schema: Self.question)
            }
            answers.append(question)
            questions.append(Self.shown(question, level))
        }
        let asked = questions
        let dialogue = try await stages.run(depth + 1) { () throws(JobFailure) in
            try await ask.stage("structure", .dialogue, matter.values(depth, depth, asked), schema: Self.dialogue(depth))
        }
        try await stages.run(depth + 2) { () throws(JobFailure) in try open(session, matter, asked, dialogue.value, context) }
        var result: [String: JSONValue] = [
            "session_id": .string(session), "goal": .string(matter.goal), "depth": .integer(Int64(depth)), "questions": .array(asked),
            "dialogue": dialogue.value, "model": .string(ask.model), "stand_in": .boolean(models.isStandIn),
            "prompts": [Prompt.lamishSystem, .question, .dialogue, .repair].versions,
        ]
        result["usage"] = (answers + [dialogue]).usage
        return .object(result)
    }

    private static func stages(_ depth: Int) -> [(name: String, message: String)] {
        [("session", "Initializing session")] + (1...depth).map { ("question", "Question of depth \($0) of \(depth)") }
            + [("structure", "Preparing the dialogue"), ("ready", "The session is ready")]
    }

    private static let question = Shape.object(["question": Shape.text, "purpose": Shape.text, "brings_to_light": Shape.text])

    private static func dialogue(_ depth: Int) -> JSONValue {
        Shape.object([
            "title": Shape.text, "opening": Shape.text, "transitions": Shape.list(Shape.text, 0...depth), "closing": Shape.text,
        ])
    }

    private static func shown(_ stage: JSONValue, _ level: Int) -> JSONValue {
        var question = stage.value.object ?? [:]
        question["depth"] = .integer(Int64(level))
        return .object(question)
    }

    /// Whoever answers in this session (a `chat` job) finds who leads it, what it is about and the first question.
    private func open(
        _ session: String, _ matter: Matter, _ questions: [JSONValue], _ dialogue: JSONValue, _ context: JobContext
    ) throws(JobFailure) {
        let list = questions.compactMap { $0["question"]?.string }
        let lead =
            "You lead a Socratic dialogue: you ask, and never teach. These are your questions, in order: " + list.joined(separator: " ")
        let opening = [dialogue["opening"]?.string, list.first].compactMap(\.self).joined(separator: "\n\n")
        try context.conversation.say(ConversationMessage(.system, lead), in: session)
        try context.conversation.say(ConversationMessage(.user, matter.narrative.isEmpty ? matter.goal : matter.narrative), in: session)
        try context.conversation.say(ConversationMessage(.assistant, opening), in: session)
    }
}

/// What a dialogue is about.
private struct Matter: Sendable {
    let narrative: String
    let goal: String

    init(_ input: JSONValue) {
        narrative = input["narrative"]?.string ?? ""
        goal = input["goal"]?.string ?? "find out what this narrative rests on"
    }

    func values(_ level: Int, _ levels: Int, _ questions: [JSONValue]) -> [String: String] {
        [
            "narrative": narrative, "goal": goal, "depth": "\(level)", "levels": "\(levels)",
            "questions": questions.map(\.serialized).joined(separator: "\n"),
        ]
    }
}
