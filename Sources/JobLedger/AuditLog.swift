package import JobModel
package import PostgresWire

/// What was changed by whom. An entry is written before the change and gets its outcome after it: a crash in between leaves one without.
extension JobLedger {
    package func begin(_ entry: AuditEntry) async throws(PostgresError) {
        try await pool.execute(Statements.beginAudit, entry.parameters)
    }

    /// Writes the entry's outcome, status, problem, target and detail.
    package func end(_ entry: AuditEntry) async throws(PostgresError) {
        try await pool.execute(
            Statements.endAudit,
            [
                .text(entry.id.description), .optional(entry.outcome?.rawValue), .optional(entry.status.map(Int64.init)),
                .optional(entry.problem), .optional(storable(entry.target)), .text(entry.detail.withoutNulls.serialized),
            ])
    }

    /// Newest first; `below` is the last one of the page before.
    package func auditLog(_ filter: AuditFilter, below: JobID?, limit: Int) async throws(PostgresError) -> [AuditEntry] {
        let rows = try await pool.query(
            Statements.listAudit,
            [
                .optional(below?.description), .integer(Int64(limit)), PostgresValue.any(filter.actors.map(\.rawValue)),
                .optional(filter.keyID), .any(filter.actions), .optional(storable(filter.target)), .optional(filter.requestID),
                .any(Array(filter.outcomes)), .optional(filter.since?.milliseconds), .optional(filter.until?.milliseconds),
            ])
        return try rows.map { (row) throws(PostgresError) in try row.auditEntry() }
    }

    /// Entries of more than so many days ago; returns how many went.
    package func forgetAudit(olderThanDays days: Int, _ token: LeaderToken, limit: Int = 1_000) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.forgetAudit, [token.parameter, .integer(Int64(days)), .integer(Int64(limit))])
    }
}

extension PostgresValue {
    /// NULL where nothing was asked for.
    fileprivate static func any(_ words: [String]) -> PostgresValue {
        words.isEmpty ? .null : .textArray(words.sorted())
    }
}

extension AuditEntry {
    var parameters: [PostgresValue] {
        [
            .text(id.description), .integer(at.milliseconds), .text(actor.rawValue), .optional(keyID), .optional(storable(name)),
            .optional(address), .text(action), .optional(storable(target)), .text(detail.withoutNulls.serialized), .optional(requestID),
            .optional(outcome?.rawValue),
        ]
    }
}

extension PostgresRow {
    fileprivate func auditEntry() throws(PostgresError) -> AuditEntry {
        guard let actor = AuditEntry.Actor(rawValue: try string("actor")) else {
            throw PostgresError(.decoding, "The actor of an audit entry is unknown to this version")
        }
        var entry = AuditEntry(actor: actor, action: try string("action"))
        entry.id = try jobID("id")
        entry.at = try time("at_ms") ?? entry.at
        entry.keyID = try optionalString("key_id")
        entry.name = try optionalString("name")
        entry.address = try optionalString("address")
        entry.target = try string("target")
        entry.detail = try json("detail") ?? [:]
        entry.requestID = try optionalString("request_id")
        entry.outcome = try optionalString("outcome").flatMap(AuditEntry.Outcome.init)
        entry.status = try optionalInt("status").map { Int($0) }
        entry.problem = try optionalString("problem")
        entry.endedAt = try time("ended_ms")
        return entry
    }
}
