package import JobModel
package import PostgresWire

/// A deck that a job asked Presenton for.
package struct PresentonAsk: Sendable, Hashable {
    package enum Outcome: String, Sendable {
        case completed, failed, lost, refused, overtaken, foreground
        case givenUp = "given_up"
    }

    package let number: Int
    /// Nil: what Presenton answered is not known.
    package let taskID: String?
    package let outcome: Outcome?
    /// Tasks that the server listed before and that were nobody's here; nil where it lists none.
    package let known: Set<String>?
    /// Of a question that was overtaken: the tasks that may be its answer. Later ones are others'.
    package let candidates: Set<String>?
    package let millisecondsSinceAsked: Int64
    /// Of a deck that is made while the worker waits: nil before it was asked for.
    package let millisecondsSinceSent: Int64?
    /// And what Presenton called it.
    package let deckID: String?
}

/// Whether a job may ask now.
package enum PresentonTurn: Sendable, Hashable {
    case mine
    /// Another job's question is without an answer.
    case busy
    /// The job has ended, or the attempt is shut out.
    case refused
}

/// The memory that Presenton lacks: what is asked is written, and is on the disk, before it is asked.
extension JobLedger {
    /// After so long without an answer a question no longer keeps others from asking.
    private static let longestHold: Int64 = 90_000
    /// And so long where its job has ended: longer than a question is on its way.
    private static let longestHoldOfEnded: Int64 = 35_000

    package func lastPresentonAsk(of id: JobID) async throws(PostgresError) -> PresentonAsk? {
        let sql = """
            SELECT number, task_id, outcome, array_to_json(known)::text AS known, array_to_json(candidates)::text AS candidates,
                (extract(epoch FROM now() - asked_at) * 1000)::bigint AS age_ms,
                (extract(epoch FROM now() - sent_at) * 1000)::bigint AS sent_ms, deck_id
            FROM presenton_tasks WHERE job_id = $1 ORDER BY number DESC LIMIT 1
            """
        guard let row = try await pool.query(sql, [.text(id.description)]).first else { return nil }
        return PresentonAsk(
            number: Int(try row.int("number")), taskID: try row.optionalString("task_id"),
            outcome: try row.optionalString("outcome").flatMap(PresentonAsk.Outcome.init),
            known: try row.json("known")?.array.map { Set($0.compactMap(\.string)) },
            candidates: try row.json("candidates")?.array.map { Set($0.compactMap(\.string)) },
            millisecondsSinceAsked: try row.int("age_ms"), millisecondsSinceSent: try row.optionalInt("sent_ms"),
            deckID: try row.optionalString("deck_id"))
    }

    /// `mine`: from now on an answer is missing, until it is named or closed. `listed` are the tasks that the server has now.
    package func askPresenton(
        _ id: JobID, number: Int, server: String, attempt: Int, listed: Set<String>?
    ) async throws(PostgresError) -> PresentonTurn {
        try await turn(id, server, listed) { (connection) throws(PostgresError) in
            try connection.query(
                Statements.askPresenton,
                [
                    .text(id.description), .integer(Int64(number)), .optional(storable(server)), .integer(Int64(attempt)),
                    JobLedger.array(listed),
                ])
        }
    }

    private static func array(_ tasks: Set<String>?) -> PostgresValue { tasks.map { .textArray($0.map(storable)) } ?? .null }

    /// The right to look for an answer that is missing.
    package func holdPresenton(
        _ id: JobID, number: Int, server: String, attempt: Int, listed: Set<String>?
    ) async throws(PostgresError) -> PresentonTurn {
        try await turn(id, server, listed) { (connection) throws(PostgresError) in
            try connection.query(
                Statements.holdPresenton, [.text(id.description), .integer(Int64(number)), .integer(Int64(attempt))])
        }
    }

    private func turn(
        _ id: JobID, _ server: String, _ listed: Set<String>?,
        _ take: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> [PostgresRow]
    ) async throws(PostgresError) -> PresentonTurn {
        do {
            return try await pool.transaction { (connection) throws(PostgresError) in
                try connection.execute(
                    Statements.freePresenton,
                    [
                        .optional(storable(server)), .text(id.description), .integer(JobLedger.longestHold),
                        .integer(JobLedger.longestHoldOfEnded), JobLedger.array(listed),
                    ])
                return try take(connection).isEmpty ? .refused : .mine
            }
        } catch {
            guard error.isUniqueViolation else { throw error }
            return .busy
        }
    }

    /// Keeps the name of the task; returns the one that stands. Throws a unique violation for a task that is another job's.
    package func namePresentonTask(_ task: String, of id: JobID, number: Int) async throws(PostgresError) -> String {
        let rows = try await pool.query(
            Statements.namePresenton, [.text(id.description), .integer(Int64(number)), .optional(storable(task))])
        return try rows.first?.string("task_id") ?? task
    }

    package func closePresentonAsk(_ id: JobID, number: Int, as outcome: PresentonAsk.Outcome) async throws(PostgresError) {
        try await pool.execute(
            "UPDATE presenton_tasks SET outcome = $3, closed_at = now() WHERE job_id = $1 AND number = $2",
            [.text(id.description), .integer(Int64(number)), .text(outcome.rawValue)])
    }

    /// Those of the tasks that none of our jobs has asked for, as far as is known.
    package func unclaimed(_ tasks: Set<String>, server: String) async throws(PostgresError) -> Set<String> {
        let rows = try await pool.query(
            "SELECT task_id FROM presenton_tasks WHERE server = $1 AND task_id = ANY ($2::text[])",
            [.optional(storable(server)), .textArray(tasks.map(storable))])
        return tasks.subtracting(try rows.map { (row) throws(PostgresError) in try row.string("task_id") })
    }
}
