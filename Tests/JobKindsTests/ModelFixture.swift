import JobKinds
import JobModel
import Synchronization

/// A provider whose answers are a closure of the test; it keeps what it was asked.
final class PanelModel: ModelProvider {
    let name = "scripted"
    let isStandIn = false
    private let thinkers: Set<String>
    private let asked = Mutex<[ModelRequest]>([])
    private let reply: @Sendable (ModelRequest) async throws(JobFailure) -> String

    init(thinkers: Set<String> = [], _ reply: @escaping @Sendable (ModelRequest) async throws(JobFailure) -> String) {
        self.thinkers = thinkers
        self.reply = reply
    }

    var requests: [ModelRequest] { asked.withLock { $0 } }
    func requests(to model: String) -> [ModelRequest] { requests.filter { $0.model == model } }

    func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        asked.withLock { $0.append(request) }
        let text = try await reply(request)
        try await onPiece(.text(text))
        let thinking = request.thinking == .off ? "" : "hm"
        return ModelAnswer(
            text: text, thinking: thinking, model: request.model, provider: name,
            usage: ModelUsage(promptTokens: 3, answerTokens: 2, milliseconds: 10))
    }

    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        texts.map { $0.contains("sea") ? [1, 0] : [0.6, 0.8] }
    }

    func models() async throws(JobFailure) -> [ModelDescription] {
        thinkers.map { ModelDescription(name: $0, capabilities: ["completion", "thinking"]) }
    }

    func trouble() async -> String? { nil }
}

extension ModelRequest {
    var messages: [ModelMessage] {
        if case .chat(let messages) = task { messages } else { [] }
    }

    var lastWords: String { messages.last?.content ?? "" }
}

/// A conversation as an array.
final class RememberedTalk: ConversationMemory {
    private let stored: [StoredMessage]
    private let spoken = Mutex<[ConversationMessage]>([])

    var said: [ConversationMessage] { spoken.withLock { $0 } }

    /// Each list is one job's messages.
    init(_ turns: [[ConversationMessage]] = []) {
        var number: Int64 = 0
        stored = turns.flatMap { turn in
            let job = JobID()
            return turn.map { message in
                number += 1
                return StoredMessage(number: number, message: message, jobID: job, createdAt: .now)
            }
        }
    }

    func history(of session: String, tokens: Int) async throws(JobFailure) -> [StoredMessage] { stored }

    func say(_ message: ConversationMessage, in session: String) throws(JobFailure) {
        spoken.withLock { $0.append(message) }
    }
}

/// One attempt of a model kind on arrays.
func attempt(
    _ handler: any JobHandler, _ input: JSONValue, _ record: JobRecord = JobRecord(), session: String? = nil,
    talk: any ConversationMemory = NoConversation()
) async throws(JobFailure) -> JSONValue {
    let accepted: JSONValue
    switch handler.kind.input.accept(input) {
    case .success(let value): accepted = value
    case .failure(let faults): throw .permanent("\(faults.list)", type: "invalid_input")
    }
    let context = JobContext(
        jobID: record.jobID, attempt: 1, input: accepted, sessionID: session, reporter: record, steps: record, conversation: talk,
        logger: quiet)
    return try await handler.run(in: context)
}
