package import JobModel
package import PostgresWire

/// What a sender must know: the bytes, where they go, and what they are signed with.
package struct SendOrder: Sendable {
    package let url: String
    package let payload: String
    /// The current one first; during a rotation the previous one too.
    package let secrets: [WebhookSecret]
    package let isEnabled: Bool
    /// An attempt before this one arrived and was recorded.
    package let isDelivered: Bool
}

package enum Resend: Sendable, Hashable {
    /// By this job.
    case sent(JobID)
    /// This job is at it.
    case underWay(JobID)
    case disabled
}

/// What is told of ends. The statements that end jobs make deliveries and their senders (`tidewheel.told`, `fill_delivery`): here they are
/// read, sent, and sent again.
extension JobLedger {
    /// Nil: the delivery is not, or no longer, this job's to send.
    package func sendOrder(_ delivery: JobID, for sender: JobID) async throws(PostgresError) -> SendOrder? {
        let rows = try await pool.query(Statements.sendOrder, [.text(delivery.description), .text(sender.description)])
        guard let row = rows.first else { return nil }
        let secrets = [try row.optionalString("secret"), try row.optionalString("previous")]
        return SendOrder(
            url: try row.optionalString("url") ?? "", payload: try row.optionalString("payload") ?? "",
            secrets: secrets.compactMap { $0.flatMap(WebhookSecret.init) }, isEnabled: try row.bool("enabled"),
            isDelivered: try row.bool("delivered"))
    }

    /// Notes how an attempt ended. `isGone` disables the webhook, unless a single job named the receiver. False: somebody else sends it by now.
    package func record(
        _ attempt: DeliveryAttempt, of delivery: JobID, by sender: JobID, isGone: Bool = false
    ) async throws(PostgresError) -> Bool {
        try await !pool.query(
            Statements.recordDelivery,
            [
                .text(delivery.description), .text(sender.description), .integer(attempt.startedAt.milliseconds),
                .integer(attempt.milliseconds), .optional(attempt.status.map(Int64.init)), .optional(storable(attempt.body)),
                .optional(storable(attempt.error)), .optional(storable(attempt.errorType)), .boolean(attempt.error == nil),
                .boolean(isGone),
            ]
        ).isEmpty
    }

    /// Newest first.
    package func deliveries(
        _ filter: DeliveryFilter, below: JobID? = nil, limit: Int
    ) async throws(PostgresError) -> [WebhookDelivery] {
        // Planned for what is asked: another filter wants another index.
        let rows = try await pool.queryAfresh(
            Statements.deliveriesListed,
            [
                .optional(filter.webhook?.description), .optional(below?.description), .optional(filter.job?.description),
                .boolean(filter.mustBeOpen), .integer(Int64(max(0, min(limit, 1_000)))),
                filter.otherStates.isEmpty ? .null : .textArray(filter.otherStates.map(\.rawValue).sorted()),
                filter.events.isEmpty ? .null : .textArray(filter.events.sorted()), .optional(filter.since?.milliseconds),
                .optional(filter.until?.milliseconds), .boolean(filter.states == [.delivered]),
            ])
        return try rows.map { (row) throws(PostgresError) in try row.delivery() }
    }

    package func delivery(_ id: JobID, of webhook: JobID) async throws(PostgresError) -> WebhookDelivery? {
        try await pool.query(Statements.deliveryByID, [.text(id.description), .text(webhook.description)]).first?.delivery()
    }

    /// The last hundred, newest first.
    package func attempts(ofDelivery id: JobID) async throws(PostgresError) -> [DeliveryAttempt] {
        try await pool.query(Statements.deliveryAttempts, [.text(id.description)]).map { (row) throws(PostgresError) in
            try row.deliveryAttempt()
        }
    }

    /// Makes a new sender for a delivery, unless one is at it. Nil: there is no such delivery.
    package func resend(_ id: JobID, of webhook: JobID) async throws(PostgresError) -> Resend? {
        let key = PostgresValue.text(id.description)
        return try await pool.transaction { (connection) throws(PostgresError) in
            // Two statements: the second one sees what a resend that held the lock before has made.
            guard let row = try connection.query(Statements.lockDelivery, [key, .text(webhook.description)]).first else { return nil }
            guard try row.bool("enabled"), let url = try row.optionalString("url") else { return .disabled }
            let made = try connection.query(Statements.resendDelivery, [key, .text(try row.string("event")), .text(url)]).first
            return if let made { .sent(try made.jobID("sender")) } else { .underWay(try row.jobID("sender")) }
        }
    }

    /// Deliveries of jobs that ended more than so many days ago; returns how many went.
    package func forgetDeliveries(
        endedBeforeDays days: Int, _ token: LeaderToken, limit: Int = 1_000
    ) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.forgetDeliveries, [token.parameter, .integer(Int64(days)), .integer(Int64(limit))])
    }
}

extension DeliveryFilter {
    /// What the row itself does not say: its sender does.
    fileprivate var otherStates: Set<WebhookDelivery.State> { states == [.delivered] ? [] : states }
    fileprivate var mustBeOpen: Bool { isOpen || !states.isEmpty && !states.contains(.delivered) }
}

extension PostgresRow {
    fileprivate func delivery() throws(PostgresError) -> WebhookDelivery {
        WebhookDelivery(
            id: try jobID("id"), webhook: try jobID("webhook_id"), job: try jobID("job_id"), event: try string("event"),
            url: try optionalString("url"), payload: try optionalString("payload") ?? "",
            sender: try optionalString("sender").flatMap { JobID($0) }, attempts: Int(try int("attempts")),
            state: WebhookDelivery.State(rawValue: try string("state")) ?? .pending, createdAt: try time("created_ms") ?? .now,
            deliveredAt: try time("delivered_ms"), nextAttemptAt: try time("next_ms"))
    }

    fileprivate func deliveryAttempt() throws(PostgresError) -> DeliveryAttempt {
        var attempt = DeliveryAttempt(
            startedAt: try time("started_ms") ?? .now, milliseconds: try int("duration_ms"),
            status: try optionalInt("status").map { Int($0) },
            body: try optionalString("body"), error: try optionalString("error"), errorType: try optionalString("error_type"))
        attempt.number = Int(try int("number"))
        return attempt
    }
}
