internal import JobDesk
internal import JobModel
internal import Synchronization

/// What an attempt sees of conversations, and what it says: kept here until the attempt ends.
final class ConversationHolder: ConversationMemory {
    private let desk: JobDesk
    private let said = Mutex<ConversationTurn?>(nil)

    init(desk: JobDesk) {
        self.desk = desk
    }

    var turn: ConversationTurn? { said.withLock { $0 } }

    /// Without PostgreSQL the answer would lack what was said before: better later than without it.
    func history(of session: String, tokens: Int) async throws(JobFailure) -> [StoredMessage] {
        do throws(DeskError) { return try await desk.history(of: session, tokens: tokens) } catch {
            throw .retry("The conversation cannot be read now", type: "history_unavailable")
        }
    }

    func say(_ message: ConversationMessage, in session: String) throws(JobFailure) {
        let failure = said.withLock { said -> JobFailure? in
            do throws(JobFailure) {
                var turn: ConversationTurn
                if let said { turn = said } else { turn = try ConversationTurn(of: session) }
                guard turn.sessionID == session else {
                    throw .permanent("A job speaks in one conversation only", type: "other_session")
                }
                try turn.add(message)
                said = turn
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }
}
