/// What jobs ask of language models and what they are told. Providers live in Services; who answers is decided in the assembly.

/// A source of text and embeddings: one server or several that do the same.
package protocol ModelProvider: Sendable {
    /// `ollama`, `openai`, `echo`: told in results, so that nobody takes a stand-in for the real thing.
    var name: String { get }
    var isStandIn: Bool { get }

    /// One answer. Pieces are handed over as they arrive, in order, and are exactly the text and the thinking of the answer; after a failure,
    /// which may come after any piece, they count for nothing. Cancelling the task closes the connection, and with it the work over there.
    func answer(_ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void) async throws(JobFailure) -> ModelAnswer

    /// One vector for each text, in order, all of the same dimension, L2-normalised.
    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]]

    /// What can be asked here, by name.
    func models() async throws(JobFailure) -> [ModelDescription]

    /// Nil when it answers; otherwise what is wrong, in one sentence.
    func trouble() async -> String?
}

extension ModelProvider {
    /// The same, for those who wait for the whole.
    package func answer(_ request: ModelRequest) async throws(JobFailure) -> ModelAnswer {
        try await answer(request) { (_) throws(JobFailure) in }
    }
}

package struct ModelMessage: Sendable, Hashable {
    package let role: MessageRole
    package let content: String

    package init(_ role: MessageRole, _ content: String) {
        self.role = role
        self.content = content
    }
}

/// Whether a model thinks before it speaks. It is always said: a model that can think does so when nobody says anything.
package enum Thinking: Sendable, Hashable {
    case off, on
    /// `low`, `medium`, `high`: for models that know degrees.
    case level(String)
}

package struct ModelRequest: Sendable, Hashable {
    package enum Task: Sendable, Hashable {
        case prompt(String, system: String?)
        case chat([ModelMessage])
    }

    package var model: String
    package var task: Task
    package var thinking: Thinking
    /// Names and types are `ModelOptions`'.
    package var options: ModelOptions
    /// A JSON Schema that the text of the answer is to fit. A server may ignore it: look at the answer.
    package var format: JSONValue?

    package init(
        model: String, task: Task, thinking: Thinking = .off, options: ModelOptions = ModelOptions(), format: JSONValue? = nil
    ) {
        self.model = model
        self.task = task
        self.thinking = thinking
        self.options = options
        self.format = format
    }
}

package enum ModelPiece: Sendable, Hashable {
    case text(String), thinking(String)
}

package struct ModelAnswer: Sendable, Hashable {
    package var text: String
    /// Empty where the model does not think, or keeps it to itself.
    package var thinking: String
    /// As the server names it.
    package var model: String
    /// `ollama`, `openai`, `echo`.
    package var provider: String
    package var isStandIn: Bool
    /// The text was cut by a limit of tokens or of the context: good to read, not to cache.
    package var isTruncated: Bool
    package var usage: ModelUsage

    package init(
        text: String, thinking: String = "", model: String, provider: String, isStandIn: Bool = false, isTruncated: Bool = false,
        usage: ModelUsage = ModelUsage()
    ) {
        self.text = text
        self.thinking = thinking
        self.model = model
        self.provider = provider
        self.isStandIn = isStandIn
        self.isTruncated = isTruncated
        self.usage = usage
    }
}

/// What an answer cost; nil where the server does not say.
package struct ModelUsage: Sendable, Hashable {
    package var promptTokens: Int?
    package var answerTokens: Int?
    /// From the request to the end of the answer, as the caller saw it.
    package var milliseconds: Int64?
    /// Of these, until the model was in memory.
    package var loadMilliseconds: Int64?
    /// Of these, while the answer was written: tokens per second are counted over it.
    package var writingMilliseconds: Int64?

    package init(
        promptTokens: Int? = nil, answerTokens: Int? = nil, milliseconds: Int64? = nil, loadMilliseconds: Int64? = nil,
        writingMilliseconds: Int64? = nil
    ) {
        self.promptTokens = promptTokens
        self.answerTokens = answerTokens
        self.milliseconds = milliseconds
        self.loadMilliseconds = loadMilliseconds
        self.writingMilliseconds = writingMilliseconds
    }
}

package struct ModelDescription: Sendable, Hashable {
    /// With its tag.
    package let name: String
    /// Of its weights: changes when another model takes the name. Nil where the server does not say.
    package let digest: String?
    /// `completion`, `embedding`, `thinking`, `tools`, `vision`; nil where the server does not say.
    package let capabilities: Set<String>?

    package init(name: String, digest: String? = nil, capabilities: Set<String>? = nil) {
        self.name = name
        self.digest = digest
        self.capabilities = capabilities
    }
}

/// `:latest` is what a name without a tag means: one model has one name wherever models are counted.
package enum ModelName {
    package static func plain(_ name: String) -> String {
        name.hasSuffix(":latest") ? String(name.dropLast(":latest".count)) : name
    }
}
