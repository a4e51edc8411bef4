package import JobModel
package import PostgresWire

/// Whom to tell when jobs end, as their owners see it; `Deliveries.swift` has what is told. Secrets go in here and come out for senders only.
extension JobLedger {
    /// False: there are `Webhook.maxCount` already.
    package func createWebhook(_ webhook: Webhook, secret: WebhookSecret) async throws(PostgresError) -> Bool {
        let parameters = webhook.parameters + [.text(secret.text)]
        return try await pool.transaction { (connection) throws(PostgresError) in
            // One creation at a time: together they would go over the bound. "webhook" in ASCII.
            try connection.execute("SELECT pg_advisory_xact_lock(33606995561901931)")
            let count = try connection.query("SELECT count(*) AS n FROM webhooks WHERE url IS NOT NULL").first?.int("n") ?? 0
            guard count < Int64(Webhook.maxCount) else { return false }
            try connection.execute(Statements.createWebhook, parameters)
            return true
        }
    }

    package func webhook(_ id: JobID) async throws(PostgresError) -> Webhook? {
        try await pool.query(Statements.webhookByID, [.text(id.description)]).first?.webhook()
    }

    /// In the order of their making, without the one of single jobs.
    package func webhooks() async throws(PostgresError) -> [Webhook] {
        try await pool.query(Statements.webhooksListed).map { (row) throws(PostgresError) in try row.webhook() }
    }

    /// False: it was changed since it was read, or is gone.
    package func changeWebhook(_ webhook: Webhook) async throws(PostgresError) -> Bool {
        try await !pool.query(Statements.changeWebhook, webhook.parameters + [.integer(webhook.version)]).isEmpty
    }

    /// False: there is none. What it was told stays until it is forgotten; what is on its way fails.
    package func deleteWebhook(_ id: JobID) async throws(PostgresError) -> Bool {
        try await pool.execute("DELETE FROM webhooks WHERE id = $1::uuid AND url IS NOT NULL", [.text(id.description)]) > 0
    }

    /// False: there is no such webhook. The old secret signs beside the new one for `overlap` seconds.
    package func rotateSecret(of id: JobID, to secret: WebhookSecret, overlap seconds: Int) async throws(PostgresError) -> Bool {
        try await !pool.query(
            Statements.rotateSecret, [.text(id.description), .text(secret.text), .integer(Int64(seconds))]
        ).isEmpty
    }
}

extension Webhook {
    fileprivate var parameters: [PostgresValue] {
        [
            .text(id.description), .optional(storable(url)), .textArray(kinds.map(storable)), .textArray(statuses.map(\.rawValue)),
            .textArray(subjects.map(storable)), .optional(storable(description)), .boolean(isEnabled),
        ]
    }
}

extension PostgresRow {
    fileprivate func webhook() throws(PostgresError) -> Webhook {
        var webhook = Webhook(id: try jobID("id"), url: try optionalString("url"), createdAt: try time("created_ms") ?? .now)
        webhook.kinds = try strings("kinds").compactMap(\.self)
        webhook.statuses = try strings("statuses").compactMap { $0.flatMap(JobState.init) }
        webhook.subjects = try strings("subjects").compactMap(\.self)
        webhook.description = try optionalString("description")
        webhook.isEnabled = try bool("enabled")
        webhook.disabledReason = try optionalString("disabled_reason")
        webhook.hasSecret = try bool("has_secret")
        webhook.previousUntil = try time("previous_ms")
        webhook.version = try int("version")
        webhook.updatedAt = try time("updated_ms") ?? webhook.createdAt
        return webhook
    }
}
