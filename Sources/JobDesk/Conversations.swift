internal import JobLedger
package import JobModel
internal import PostgresWire

/// Conversations as SQL has them.
extension JobDesk {
    /// Conversations that one call deletes at most.
    package static let maxDeletedConversations = 10_000
    private static let deleteBatch = 50

    /// Last changed first.
    package func conversations(
        _ filter: ConversationFilter, below: ConversationPosition?, limit: Int
    ) async throws(DeskError) -> [Conversation] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.conversations(filter, below: below, limit: limit) })
    }

    package func conversation(_ sessionID: String) async throws(DeskError) -> Conversation {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.conversation(sessionID) })
        guard let found else { throw .unknownConversation }
        return found
    }

    /// A page, after a number; it may be shorter than `limit` although there is more.
    package func messages(of sessionID: String, after number: Int64, limit: Int) async throws(DeskError) -> [StoredMessage] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.messages(of: sessionID, after: number, limit: limit) })
    }

    package func history(of sessionID: String, tokens: Int) async throws(DeskError) -> [StoredMessage] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.history(of: sessionID, tokens: tokens) })
    }

    /// Returns how many messages went. What a running job says afterwards begins a new conversation.
    package func deleteConversation(_ sessionID: String) async throws(DeskError) -> Int64 {
        let gone = try await asking(postgres: { () throws(PostgresError) in try await ledger.deleteConversation(sessionID) })
        guard let gone else { throw .unknownConversation }
        return gone
    }

    /// Batch by batch, so that nobody waits long for a lock; `isWhole` is false when there may be more than one call takes.
    package func deleteConversations(
        _ filter: ConversationFilter
    ) async throws(DeskError) -> (conversations: Int, messages: Int64, isWhole: Bool) {
        var conversations = 0
        var messages: Int64 = 0
        while conversations < JobDesk.maxDeletedConversations {
            let gone = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.deleteConversations(filter, limit: JobDesk.deleteBatch)
            })
            conversations += gone.conversations
            messages += gone.messages
            if gone.conversations < JobDesk.deleteBatch { return (conversations, messages, true) }
        }
        return (conversations, messages, false)
    }
}
