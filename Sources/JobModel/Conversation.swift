/// Who says a message.
package enum MessageRole: String, CaseIterable, Sendable {
    case system, user, assistant, tool
}

/// Something said in a conversation: by a person, a model or a program.
package struct ConversationMessage: Sendable, Hashable {
    /// Of the content, and of the thinking.
    package static let maxTextBytes = 1 << 20
    package static let maxModelBytes = 200

    package let role: MessageRole
    package let content: String
    /// Which model said it.
    package let model: String?
    /// What the model thought before it spoke; never sent to a model again.
    package let thinking: String?
    /// Of the content.
    package let tokens: Int

    /// Without a count, a token stands for four bytes of the content: about what English text has.
    package init(_ role: MessageRole, _ content: String, model: String? = nil, thinking: String? = nil, tokens: Int? = nil) {
        self.role = role
        self.content = content
        self.model = model
        self.thinking = thinking
        self.tokens = max(0, min(tokens ?? (content.utf8.count + 3) / 4, Int(Int32.max)))
    }

    /// In bytes, as it is sent to SQL.
    package var size: Int { content.utf8.count + (thinking?.utf8.count ?? 0) + (model?.utf8.count ?? 0) + 100 }
}

/// What one job adds to one conversation: written whole or not at all.
package struct ConversationTurn: Sendable, Hashable {
    package static let maxMessages = 100
    /// All of it goes to SQL in one statement, beside the job's result.
    package static let maxBytes = 4 << 20
    package static let maxSessionBytes = 200

    package let sessionID: String
    package private(set) var messages: [ConversationMessage] = []

    package init(of sessionID: String) throws(JobFailure) {
        guard (1...Self.maxSessionBytes).contains(sessionID.utf8.count), !sessionID.utf8.contains(0) else {
            throw .permanent("The id of a session must have 1 to \(Self.maxSessionBytes) bytes, without U+0000", type: "invalid_session")
        }
        self.sessionID = sessionID
    }

    package mutating func add(_ message: ConversationMessage) throws(JobFailure) {
        let longest = max(message.content.utf8.count, message.thinking?.utf8.count ?? 0)
        guard longest <= ConversationMessage.maxTextBytes, message.model?.utf8.count ?? 0 <= ConversationMessage.maxModelBytes else {
            throw .permanent("A message may have at most \(ConversationMessage.maxTextBytes) bytes", type: "message_too_large")
        }
        guard messages.count < Self.maxMessages, size + message.size <= Self.maxBytes else {
            throw .permanent(
                "A job may add at most \(Self.maxMessages) messages of \(Self.maxBytes) bytes in all to its conversation",
                type: "too_many_messages")
        }
        messages.append(message)
    }

    package var size: Int { messages.reduce(0) { $0 + $1.size } }
}

/// A message as it is kept. Numbers grow by one within a conversation; the messages of a job stand together.
package struct StoredMessage: Sendable, Hashable {
    package let number: Int64
    package let message: ConversationMessage
    package let jobID: JobID
    package let createdAt: Timestamp

    package init(number: Int64, message: ConversationMessage, jobID: JobID, createdAt: Timestamp) {
        self.number = number
        self.message = message
        self.jobID = jobID
        self.createdAt = createdAt
    }
}

/// A conversation without its messages.
package struct Conversation: Sendable, Hashable {
    package let sessionID: String
    package let messageCount: Int64
    /// Of its last message.
    package let lastNumber: Int64
    package let createdAt: Timestamp
    package let updatedAt: Timestamp
    /// Where it stands in a list.
    package let position: ConversationPosition

    /// The concurrency key of jobs that speak in a session, so that one of them runs at a time.
    package static func turnKey(of sessionID: String) -> String {
        let isPlain = sessionID.utf8.count <= 190 && sessionID.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        return "session:" + (isPlain ? sessionID : "sha256:" + Digest.sha256(sessionID))
    }

    package init(
        sessionID: String, messageCount: Int64, lastNumber: Int64, createdAt: Timestamp, updatedAt: Timestamp, microseconds: Int64
    ) {
        self.sessionID = sessionID
        self.messageCount = messageCount
        self.lastNumber = lastNumber
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        position = ConversationPosition(microseconds: microseconds, sessionID: sessionID)
    }
}

/// A place in the list of conversations, last changed first.
package struct ConversationPosition: Sendable, Hashable, CustomStringConvertible {
    package let microseconds: Int64
    package let sessionID: String

    package init(microseconds: Int64, sessionID: String) {
        self.microseconds = microseconds
        self.sessionID = sessionID
    }

    /// Reads its own description; bounded to times that PostgreSQL can compare.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: "."), let microseconds = Int64(text[..<colon]),
            (0..<9_000_000_000_000_000).contains(microseconds)
        else { return nil }
        self.init(microseconds: microseconds, sessionID: String(text[text.index(after: colon)...]))
    }

    package var description: String { "\(microseconds).\(sessionID)" }
}

/// Which conversations are meant.
package struct ConversationFilter: Sendable, Hashable {
    /// Their ids begin with it.
    package var prefix: String?
    /// Nothing was added since.
    package var changedBefore: Timestamp?

    package init() {}
}

/// The conversation of a running job: the worker implements it with the desk, tests with an array.
package protocol ConversationMemory: Sendable {
    /// The last messages of a session that fit into so many tokens, oldest first and without their thinking counted. The last system message
    /// is kept whatever came after it; the rest begins with a user's message.
    func history(of session: String, tokens: Int) async throws(JobFailure) -> [StoredMessage]
    /// Kept only if this attempt completes the job: written in one transaction with the result.
    func say(_ message: ConversationMessage, in session: String) throws(JobFailure)
}

/// For an attempt outside of any worker: nothing was said, and nothing is kept.
package struct NoConversation: ConversationMemory {
    package init() {}
    package func history(of session: String, tokens: Int) async throws(JobFailure) -> [StoredMessage] { [] }
    package func say(_ message: ConversationMessage, in session: String) throws(JobFailure) {}
}
