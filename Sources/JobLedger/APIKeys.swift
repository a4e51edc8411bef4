package import JobModel
internal import Logging
package import PostgresWire

/// A key with what it is compared by.
package struct StoredKey: Sendable, Hashable {
    package let key: APIKey
    /// SHA-256 of the whole key, hexadecimal.
    package let hash: String
}

/// Keys of the API. Every change comes with its audit entry, in one transaction.
extension JobLedger {
    /// False: there are `APIKey.maxCount` already.
    package func createKey(_ key: APIKey, hash: String, by entry: AuditEntry) async throws(PostgresError) -> Bool {
        try await pool.transaction { (connection) throws(PostgresError) in
            // One creation at a time: together they would go over the bound. "api keys" in ASCII.
            try connection.execute("SELECT pg_advisory_xact_lock(7021227407032285555)")
            let count = try connection.query("SELECT count(*) AS n FROM api_keys WHERE revoked_at IS NULL").first?.int("n") ?? 0
            guard count < Int64(APIKey.maxCount) else { return false }
            try connection.execute(Statements.createAPIKey, key.parameters(hash))
            try connection.execute(Statements.beginAudit, entry.parameters)
            return true
        }
    }

    /// In the order of their making.
    package func apiKeys(revokedToo: Bool = false) async throws(PostgresError) -> [StoredKey] {
        try await pool.query(Statements.selectAPIKeys, [.boolean(revokedToo)]).map { (row) throws(PostgresError) in try row.apiKey() }
    }

    /// From now on every API process refuses it. False: there is no such key that is not revoked already.
    package func revokeKey(_ id: String, by entry: AuditEntry) async throws(PostgresError) -> Bool {
        try await pool.transaction { (connection) throws(PostgresError) in
            let changed = try connection.execute(
                "UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", [.text(id)])
            guard changed > 0 else { return false }
            try connection.execute(Statements.beginAudit, entry.parameters)
            return true
        }
    }

    /// Notes when keys were last used. A row is written at most once in `APIKey.useMilliseconds`, however many processes tell of it.
    package func noteUses(_ uses: [String: Timestamp]) async throws(PostgresError) {
        guard !uses.isEmpty else { return }
        let uses = uses.sorted { $0.key < $1.key }
        try await pool.execute(
            Statements.useAPIKeys,
            [.textArray(uses.map(\.key)), .integerArray(uses.map(\.value.milliseconds)), .integer(APIKey.useMilliseconds)])
    }

    package func keyChanges() -> KeyChanges {
        KeyChanges(pool, logger: logger)
    }
}

/// Tells when keys were changed, on a connection and thread of its own. For one reader, who closes it.
package struct KeyChanges: Sendable {
    /// As the trigger of the migration spells it.
    private static let channel = "tidewheel_keys"
    private let listener: PostgresListener

    init(_ pool: PostgresPool, logger: Logger) {
        listener = PostgresListener(pool.options, channels: [KeyChanges.channel], logger: logger)
    }

    /// Also when listening begins, or begins again: what was told meanwhile is lost.
    package func forEach(_ body: () -> Void) async {
        for await _ in listener.notifications { body() }
    }

    package func close() async {
        await listener.close()
    }
}

extension APIKey {
    fileprivate func parameters(_ hash: String) -> [PostgresValue] {
        [
            .text(id), .optional(storable(name)), .text(hash), .textArray(scopes.map(\.rawValue).sorted()),
            .optional((rate?.count).map(Int64.init)), .optional(rate?.perMilliseconds), .optional((rate?.burst).map(Int64.init)),
            .optional(jobsADay.map(Int64.init)), .optional(liveJobs.map(Int64.init)), .integer(createdAt.milliseconds),
            .optional(expiresAt?.milliseconds),
        ]
    }
}

extension PostgresRow {
    /// Scopes of another version are left out: what is not known is not allowed.
    fileprivate func apiKey() throws(PostgresError) -> StoredKey {
        var key = APIKey(
            id: try string("id"), name: try string("name"), scopes: Set(try strings("scopes").compactMap { $0.flatMap(APIKey.Scope.init) }))
        if let count = try optionalInt("rate_count"), let per = try optionalInt("rate_per_ms"), let burst = try optionalInt("burst") {
            key.rate = Limit.Rate(count: Int(count), perMilliseconds: per, burst: Int(burst))
        }
        key.jobsADay = try optionalInt("jobs_a_day").map { Int($0) }
        key.liveJobs = try optionalInt("live_jobs").map { Int($0) }
        key.createdAt = try time("created_ms") ?? .now
        key.expiresAt = try time("expires_ms")
        key.revokedAt = try time("revoked_ms")
        key.lastUsedAt = try time("used_ms")
        return StoredKey(key: key, hash: try string("hash"))
    }
}
