internal import JobModel

/// What a panel hears before the question: the system prompt, and what was said in the session. And what it leaves there.
struct PanelTalk: Sendable {
    /// Said to the models, and kept for the next job of the session where it is new there.
    let system: String?
    private let isNewSystem: Bool
    /// One job's messages each, oldest first.
    private let turns: [[StoredMessage]]
    private let tokens: Int
    let session: String?

    init(_ context: JobContext, _ panel: ModelPanel, models: Int) async throws(JobFailure) {
        session = context.sessionID ?? context.input["session_id"]?.string
        let given = context.input["system_prompt"]?.string
        let wantsHistory = context.input["include_history"] == true
        var heard: [StoredMessage] = []
        if let session, wantsHistory || given != nil {
            // Each model hears its own answers only: of the others' there may be as many again.
            heard = try await context.conversation.history(of: session, tokens: panel.historyTokens * (models + 1))
        }
        let kept = heard.last { $0.message.role == .system }?.message.content
        system = given ?? (wantsHistory ? kept : nil)
        isNewSystem = given != nil && given != kept
        tokens = panel.historyTokens
        turns = wantsHistory ? PanelTalk.turns(heard.filter { $0.message.role != .system }) : []
    }

    private static func turns(_ messages: [StoredMessage]) -> [[StoredMessage]] {
        messages.reduce(into: []) { turns, message in
            if turns.last?.first?.jobID == message.jobID { turns[turns.count - 1].append(message) } else { turns.append([message]) }
        }
    }

    /// Whole turns, the newest that fit into the budget. Of a turn in which several models spoke a model hears its own answer; where it gave
    /// none, the first one's.
    func messages(for model: String) -> [ModelMessage] {
        var left = tokens - (system.map { ConversationMessage(.system, $0).tokens } ?? 0)
        var heard: [[ModelMessage]] = []
        for turn in turns.reversed() {
            let own = PanelTalk.heard(turn, by: model)
            left -= own.reduce(0) { $0 + $1.message.tokens }
            guard left >= 0 else { break }
            heard.append(own.map { ModelMessage($0.message.role, $0.message.content) })
        }
        return (system.map { [ModelMessage(.system, $0)] } ?? []) + heard.reversed().flatMap(\.self)
    }

    private static func heard(_ turn: [StoredMessage], by model: String) -> [StoredMessage] {
        let speakers = turn.filter { $0.message.role == .assistant }.map(\.message.model)
        let wanted = speakers.contains(model) ? model : speakers.first ?? nil
        return turn.filter { $0.message.role != .assistant || $0.message.model == wanted }
    }

    /// The question once, then each model's answer; kept with the result.
    func say(_ question: String, _ answers: [ConversationMessage], in context: JobContext) throws(JobFailure) {
        guard let session else { return }
        if isNewSystem, let system { try context.conversation.say(ConversationMessage(.system, system), in: session) }
        try context.conversation.say(ConversationMessage(.user, question), in: session)
        for answer in answers { try context.conversation.say(answer, in: session) }
    }
}

extension String {
    /// Of at most so many bytes; a text that was cut says so at its end.
    func clipped(to bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: max(0, bytes - 20))
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return self[..<end] + " … [cut here]"
    }
}
