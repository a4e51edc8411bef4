internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `/conversations`: what was said in the sessions of model jobs. List, view, clear.
extension Reception {
    func listConversations(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: ["prefix", "changed_before", "cursor", "limit"])
        let filter = query.conversations()
        let below = query.conversationPosition()
        let limit = query.number("limit", 1...500, standard: 100)
        try query.finish()
        let found = try await desk.conversations(filter, below: below, limit: limit + 1)
        let page = found.prefix(limit)
        let next = found.count > limit ? page.last?.position.description : nil
        return Response([
            "conversations": .array(page.map { .object(ConversationDocument.of($0)) }), "count": .integer(Int64(page.count)),
            "next_cursor": next.map(JSONValue.string) ?? .null,
        ])
    }

    /// Oldest first. The page may be shorter than its limit, and then ends before the conversation does: it has at most some megabytes.
    func readConversation(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.sessionID()
        var query = QueryReader(exchange.request.uri.query, allowed: ["cursor", "limit"])
        let after = query.number("cursor", 0...Int.max, standard: 0)
        let limit = query.number("limit", 1...500, standard: 100)
        try query.finish()
        let conversation = try await desk.conversation(id)
        let messages = try await desk.messages(of: id, after: Int64(after), limit: limit)
        var document = ConversationDocument.of(conversation)
        document["messages"] = .array(messages.map(ConversationDocument.message))
        let isLast = messages.last.map { $0.number >= conversation.lastNumber } ?? true
        document["next_cursor"] = isLast ? .null : messages.last.map { .string(String($0.number)) } ?? .null
        return Response(.object(document))
    }

    func deleteConversation(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.sessionID()
        let gone = try await desk.deleteConversation(id)
        exchange.notes.add(target: id, ["deleted_messages": .integer(gone)])
        return Response(["session_id": .string(id), "deleted_messages": .integer(gone)])
    }

    /// Nothing is deleted without a word of what is meant.
    func deleteConversations(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: ["prefix", "changed_before", "all"])
        let filter = query.conversations()
        let isAll = query.words("all", among: ["true"]).contains("true")
        if query.faults.isEmpty, isAll == (filter != ConversationFilter()) {
            query.refuse("all", "say which ones: prefix, changed_before or both; or all=true alone")
        }
        try query.finish()
        let gone = try await desk.deleteConversations(filter)
        let counts: [String: JSONValue] = [
            "deleted_conversations": .integer(Int64(gone.conversations)), "deleted_messages": .integer(gone.messages),
            "complete": .boolean(gone.isWhole),
        ]
        exchange.notes.add(counts)
        return Response(.object(counts))
    }
}

extension Exchange {
    fileprivate func sessionID() throws(Problem) -> String {
        guard let text = captured.first.flatMap({ QueryReader.decode($0[...], plusIsSpace: false) }),
            (1...ConversationTurn.maxSessionBytes).contains(text.utf8.count)
        else { throw .unknownConversation }
        return text
    }
}

extension QueryReader {
    fileprivate mutating func conversations() -> ConversationFilter {
        var filter = ConversationFilter()
        filter.prefix = one("prefix", maxBytes: ConversationTurn.maxSessionBytes)
        filter.changedBefore = time("changed_before")
        return filter
    }

    fileprivate mutating func conversationPosition() -> ConversationPosition? {
        guard let text = one("cursor") else { return nil }
        guard let position = ConversationPosition(text) else {
            refuse("cursor", "must be the next_cursor of an earlier answer")
            return nil
        }
        return position
    }
}

/// Conversations as they are shown.
enum ConversationDocument {
    static func of(_ conversation: Conversation) -> [String: JSONValue] {
        [
            "session_id": .string(conversation.sessionID), "message_count": .integer(conversation.messageCount),
            "created_at": .string(conversation.createdAt.description), "updated_at": .string(conversation.updatedAt.description),
        ]
    }

    static func message(_ stored: StoredMessage) -> JSONValue {
        var document: [String: JSONValue] = [
            "number": .integer(stored.number), "role": .string(stored.message.role.rawValue), "content": .string(stored.message.content),
            "tokens": .integer(Int64(stored.message.tokens)), "job_id": .string(stored.jobID.description),
            "created_at": .string(stored.createdAt.description),
        ]
        document["model"] = stored.message.model.map(JSONValue.string)
        document["thinking"] = stored.message.thinking.map(JSONValue.string)
        return .object(document)
    }
}
