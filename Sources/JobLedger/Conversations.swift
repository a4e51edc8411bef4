package import JobModel
package import PostgresWire

/// Conversations of the jobs that talk. Messages come with a job's end (`Outcomes.swift`); here they are read, and deleted.
extension JobLedger {
    /// Older messages of a conversation go as new ones come.
    package static let keptMessages = 10_000
    /// A page of messages ends when it is larger than this.
    private static let pageBytes = 4 << 20

    package func conversations(
        _ filter: ConversationFilter, below: ConversationPosition?, limit: Int
    ) async throws(PostgresError) -> [Conversation] {
        var given = filter.values
        given["below_us"] = below.map { .integer($0.microseconds) }
        given["below_session"] = below.map { .text($0.sessionID) }
        return try await readConversations(given, limit: limit)
    }

    package func conversation(_ sessionID: String) async throws(PostgresError) -> Conversation? {
        try await readConversations(["session": .text(sessionID)], limit: 1).first
    }

    /// Messages after a number, in their order. Fewer than `limit` may come although there are more: a page has at most some megabytes.
    package func messages(of sessionID: String, after number: Int64, limit: Int) async throws(PostgresError) -> [StoredMessage] {
        try await pool.query(
            Statements.readMessages,
            [.text(sessionID), .integer(number), .integer(Int64(max(0, min(limit, 1_000)))), .integer(Int64(JobLedger.pageBytes))]
        ).map { (row) throws(PostgresError) in try row.message() }
    }

    /// The last messages that fit into so many tokens, oldest first, without thinking: the last system message, then what was said, from a
    /// user's message on.
    package func history(of sessionID: String, tokens: Int, limit: Int = 500) async throws(PostgresError) -> [StoredMessage] {
        let rows = try await pool.query(
            Statements.readHistory, [.text(sessionID), .integer(Int64(max(0, tokens))), .integer(Int64(max(0, min(limit, 1_000))))])
        let all = try rows.map { (row) throws(PostgresError) in try row.message() }
        let systems = all.prefix { $0.message.role == .system }
        return Array(systems) + all.dropFirst(systems.count).drop { $0.message.role != .user }
    }

    /// What a job said that has no row to end; once for each job, however often it is asked.
    package func append(_ turn: ConversationTurn, of id: JobID, at: Timestamp) async throws(PostgresError) {
        guard !turn.messages.isEmpty else { return }
        try await pool.execute(Statements.appendMessages, SaidMessages.parameters([SaidMessages(turn: turn, jobID: id, at: at)]))
    }

    /// How many messages went with it; nil when there is no such conversation.
    package func deleteConversation(_ sessionID: String) async throws(PostgresError) -> Int64? {
        let gone = try await delete(["session": .text(sessionID)], limit: 1)
        return gone.conversations == 0 ? nil : gone.messages
    }

    /// At most so many, in one transaction; returns how many went, and how many messages with them.
    package func deleteConversations(
        _ filter: ConversationFilter, limit: Int
    ) async throws(PostgresError) -> (conversations: Int, messages: Int64) {
        try await delete(filter.values, limit: limit)
    }

    /// Conversations to which nothing was added for so many days; returns how many went.
    package func forgetConversations(
        unchangedForDays days: Int, _ token: LeaderToken, limit: Int = 100
    ) async throws(PostgresError) -> Int {
        try await delete(["days": .integer(Int64(days)), "leader": token.parameter], limit: limit).conversations
    }

    private func delete(
        _ given: [String: PostgresValue], limit: Int
    ) async throws(PostgresError) -> (conversations: Int, messages: Int64) {
        let statement = ListStatement(Statements.deleteConversations, given.merging(["limit": .integer(Int64(limit))]) { $1 })
        let counts = try await pool.query(statement.text, statement.parameters).map { (row) throws(PostgresError) in
            try row.int("messages")
        }
        return (counts.count, counts.reduce(0, +))
    }

    private func readConversations(_ given: [String: PostgresValue], limit: Int) async throws(PostgresError) -> [Conversation] {
        let page: [String: PostgresValue] = ["limit": .integer(Int64(max(0, min(limit, 1_000))))]
        let statement = ListStatement(Statements.listConversations, given.merging(page) { $1 })
        return try await pool.query(statement.text, statement.parameters).map { (row) throws(PostgresError) in
            Conversation(
                sessionID: try row.string("session_id"), messageCount: try row.int("messages"),
                lastNumber: try row.int("last_seq"), createdAt: try row.time("created_ms") ?? .now,
                updatedAt: try row.time("updated_ms") ?? .now, microseconds: try row.int("updated_us"))
        }
    }
}

extension ConversationFilter {
    fileprivate var values: [String: PostgresValue] {
        var values: [String: PostgresValue] = [:]
        values["prefix"] = storable(prefix).map(PostgresValue.text)
        values["before_ms"] = changedBefore.map { .integer($0.milliseconds) }
        return values
    }
}

extension PostgresRow {
    fileprivate func message() throws(PostgresError) -> StoredMessage {
        guard let role = MessageRole(rawValue: try string("role")) else {
            throw PostgresError(.decoding, "A message's role is unknown to this version")
        }
        let message = ConversationMessage(
            role, try string("content"), model: try optionalString("model"), thinking: try optionalString("thinking"),
            tokens: Int(try int("tokens")))
        return StoredMessage(
            number: try int("seq"), message: message, jobID: try jobID("job_id"), createdAt: try time("created_ms") ?? .now)
    }
}

/// What a job said, and when it ended.
struct SaidMessages {
    let turn: ConversationTurn
    let jobID: JobID
    let at: Timestamp

    /// Of `append_messages.sql`: an entry a message.
    static func parameters(_ said: [SaidMessages]) -> [PostgresValue] {
        let entries = said.flatMap { said in said.turn.messages.map { (said: said, message: $0) } }
        return [
            .textArray(entries.map(\.said.turn.sessionID)), .textArray(entries.map(\.said.jobID.description)),
            .textArray(entries.map(\.message.role.rawValue)), .textArray(entries.map { storable($0.message.content) }),
            .textArray(entries.map { storable($0.message.model) }), .textArray(entries.map { storable($0.message.thinking) }),
            .integerArray(entries.map { Int64($0.message.tokens) }), .integerArray(entries.map(\.said.at.milliseconds)),
            .integer(Int64(JobLedger.keptMessages)),
        ]
    }
}
