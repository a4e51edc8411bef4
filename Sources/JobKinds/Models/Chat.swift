/// `chat`: an answer to what was said. With a session, what is new is written to its conversation together with the result.
import JobModel

struct Chat: JobHandler {
    static let kind: JobKind = JobKind(
        name: "chat", summary: "Lets a language model answer in a conversation", queue: ModelFields.queue,
        input: InputShape(
            [
                ModelFields.model,
                .init(
                    "messages", .messages(maxCount: 500, maxBytes: ModelFields.maxTextBytes), required: true,
                    "what was said, the latest last"),
                .init("include_history", .boolean, standard: false, "put what was said in the session before in front"),
                .init("history_tokens", .integer(100...200_000), standard: 4_000, "how much of it at most"),
            ] + ModelFields.common),
        estimatedMilliseconds: 20_000, isConversational: true)

    var kind: JobKind { Self.kind }
    let asking: AskModel

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let given = ModelInput.messages(context.input["messages"])
        let history = try await history(before: given, context)
        var result = try await asking.answer(.chat(history + given), in: context, kind: kind.name)
        let text = result["text"]?.string ?? ""
        result["message"] = ["role": "assistant", "content": .string(text)]
        if let session = context.sessionID {
            try remember(given, result, in: session, context)
            result["session_id"] = .string(session)
            result["history_messages"] = .integer(Int64(history.count))
        }
        return .object(result)
    }

    /// A system message of the submission stands in place of the conversation's.
    private func history(before given: [ModelMessage], _ context: JobContext) async throws(JobFailure) -> [ModelMessage] {
        guard let session = context.sessionID, context.input["include_history"]?.boolean == true else { return [] }
        let tokens = context.input["history_tokens"]?.integer ?? 4_000
        let stored = try await context.conversation.history(of: session, tokens: tokens)
        let hasSystem = given.contains { $0.role == .system }
        return stored.filter { !(hasSystem && $0.message.role == .system) }.map { ModelMessage($0.message.role, $0.message.content) }
    }

    /// Clients that send the whole conversation each time repeat what is written already: new is what follows the last answer.
    private func remember(
        _ given: [ModelMessage], _ result: [String: JSONValue], in session: String, _ context: JobContext
    ) throws(JobFailure) {
        let new = given.suffix(from: given.lastIndex { $0.role == .assistant }.map { $0 + 1 } ?? 0)
        for message in new { try context.conversation.say(ConversationMessage(message.role, message.content), in: session) }
        let answer = ConversationMessage(
            .assistant, result["text"]?.string ?? "", model: result["model"]?.string, thinking: result["thinking"]?.string,
            tokens: result["usage"]?["answer_tokens"]?.integer)
        try context.conversation.say(answer, in: session)
    }
}
