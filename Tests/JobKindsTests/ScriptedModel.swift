import JobModel
import Services
import Synchronization

/// A model server whose answers are a closure of the test. Embeds like `Echo`.
final class ScriptedModel: ModelProvider {
    typealias Script = @Sendable (ModelRequest, Int) async throws(JobFailure) -> ModelAnswer

    let name = "scripted"
    let isStandIn = false
    private let script: Script
    private let state = Mutex<(requests: [ModelRequest], embedded: [[String]], listing: [ModelDescription], isAway: Bool)>(
        ([], [], [], false))

    /// The script gets the request and how many came before it.
    init(_ models: [ModelDescription] = [ScriptedModel.plain("m")], _ script: @escaping Script = ScriptedModel.agreeable) {
        self.script = script
        state.withLock { $0.listing = models }
    }

    static let agreeable: Script = { (request, number) throws(JobFailure) in
        ScriptedModel.answer("answer \(number + 1) of \(request.model)", to: request)
    }

    static func plain(_ name: String, digest: String? = "d1", _ capabilities: Set<String> = ["completion", "embedding"]) -> ModelDescription
    {
        ModelDescription(name: name, digest: digest, capabilities: capabilities)
    }

    static func answer(_ text: String, thinking: String = "", to request: ModelRequest, truncated: Bool = false) -> ModelAnswer {
        ModelAnswer(
            text: text, thinking: thinking, model: request.model, provider: "scripted", isTruncated: truncated,
            usage: ModelUsage(promptTokens: 7, answerTokens: 3, milliseconds: 40, loadMilliseconds: 5, writingMilliseconds: 30))
    }

    var requests: [ModelRequest] { state.withLock { $0.requests } }
    var embedded: [[String]] { state.withLock { $0.embedded } }

    func list(_ models: [ModelDescription]) { state.withLock { $0.listing = models } }
    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        let number = state.withLock { state in
            state.requests.append(request)
            return state.requests.count - 1
        }
        let answer = try await script(request, number)
        if !answer.thinking.isEmpty { try await onPiece(.thinking(answer.thinking)) }
        for (index, word) in answer.text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            try await onPiece(.text((index == 0 ? "" : " ") + word))
        }
        return answer
    }

    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        state.withLock { $0.embedded.append(texts) }
        return try await Echo().embed(texts, model: model)
    }

    func models() async throws(JobFailure) -> [ModelDescription] {
        let (listing, isAway) = state.withLock { ($0.listing, $0.isAway) }
        if isAway { throw AwayModel.failure }
        return listing
    }

    func trouble() async -> String? { nil }
}

/// What a job says in its session, and what was said before.
final class SpokenWords: ConversationMemory {
    private let history: [ConversationMessage]
    private let state = Mutex<[ConversationMessage]>([])

    init(_ history: [ConversationMessage] = []) { self.history = history }

    var said: [ConversationMessage] { state.withLock { $0 } }

    func history(of session: String, tokens: Int) async throws(JobFailure) -> [StoredMessage] {
        history.enumerated().map { StoredMessage(number: Int64($0), message: $1, jobID: JobID(), createdAt: .now) }
    }

    func say(_ message: ConversationMessage, in session: String) throws(JobFailure) { state.withLock { $0.append(message) } }
}

/// Opened once; whoever waits goes on, and so does whoever comes later.
final class Gate: Sendable {
    private let (stream, continuation) = AsyncStream<Void>.makeStream()

    func open() { continuation.finish() }

    func wait() async throws(JobFailure) {
        for await _ in stream {}
        if Task.isCancelled { throw .cancelled }
    }
}
