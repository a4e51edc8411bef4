package import JobModel
package import PostgresWire

/// Decks that are made while the worker waits: that one is asked for is on the disk before it is sent. `PresentonTasks.swift` has the others.
extension JobLedger {
    /// False: the job has ended, or the attempt is shut out. `listed` are the decks of the same text that the server has now.
    package func sendPresenton(
        _ id: JobID, number: Int, attempt: Int, listed: Set<String>?
    ) async throws(PostgresError) -> Bool {
        let known = listed.map { PostgresValue.textArray($0.map(storable)) } ?? .null
        return try await !pool.query(
            Statements.sendPresenton, [.text(id.description), .integer(Int64(number)), .integer(Int64(attempt)), known]
        ).isEmpty
    }

    /// It is known to have never arrived.
    package func unsendPresenton(_ id: JobID, number: Int) async throws(PostgresError) {
        try await pool.execute(
            "UPDATE presenton_tasks SET sent_at = NULL WHERE job_id = $1 AND number = $2", [.text(id.description), .integer(Int64(number))])
    }

    /// Keeps what Presenton called the deck. False: it is another job's.
    package func namePresentonDeck(_ deck: String, of id: JobID, number: Int) async throws(PostgresError) -> Bool {
        do {
            try await pool.execute(
                "UPDATE presenton_tasks SET deck_id = $3, outcome = 'completed', closed_at = now() WHERE job_id = $1 AND number = $2",
                [.text(id.description), .integer(Int64(number)), .optional(storable(deck))])
            return true
        } catch {
            guard error.isUniqueViolation else { throw error }
            return false
        }
    }

    /// Those of the decks that are none of our jobs', as far as is known.
    package func unclaimedDecks(_ decks: Set<String>, server: String) async throws(PostgresError) -> Set<String> {
        let rows = try await pool.query(
            "SELECT deck_id FROM presenton_tasks WHERE server = $1 AND deck_id = ANY ($2::text[])",
            [.optional(storable(server)), .textArray(decks.map(storable))])
        return decks.subtracting(try rows.map { (row) throws(PostgresError) in try row.string("deck_id") })
    }
}
