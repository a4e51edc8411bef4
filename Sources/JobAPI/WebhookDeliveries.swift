internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `/webhooks/{id}/deliveries`: what a receiver was told, what it answered, and telling it again.
extension Reception {
    func listDeliveries(_ exchange: Exchange) async throws -> Response {
        var page = try DeliveryPage(exchange)
        page.filter.webhook = try exchange.webhookID()
        return try await answer(page)
    }

    func listAllDeliveries(_ exchange: Exchange) async throws -> Response {
        try await answer(DeliveryPage(exchange, alsoKnows: "webhook"))
    }

    private func answer(_ page: DeliveryPage) async throws -> Response {
        let found = try await desk.deliveries(page.filter, below: page.cursor, limit: page.limit)
        var document: [String: JSONValue] = ["deliveries": .array(found.map { .object(DeliveryDocument.of($0)) })]
        if found.count == page.limit { document["next_cursor"] = (found.last?.id.description).map(JSONValue.string) }
        return Response(.object(document))
    }

    func readDelivery(_ exchange: Exchange) async throws -> Response {
        let (delivery, attempts) = try await desk.delivery(exchange.deliveryID(), of: exchange.webhookID())
        var document = DeliveryDocument.of(delivery)
        document["payload"] = .string(delivery.payload)
        document["attempts"] = .array(attempts.map(DeliveryDocument.of))
        return Response(.object(document))
    }

    func resendDelivery(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.deliveryID()
        let sender = try await desk.resend(id, of: exchange.webhookID())
        return Response(
            ["delivery_id": .string(id.description), "sender": .string(sender.description), "status_url": .string("/jobs/\(sender)")],
            status: .accepted, headers: [.location: "/jobs/\(sender)", .retryAfter: "1"])
    }
}

extension Exchange {
    fileprivate func deliveryID() throws(Problem) -> JobID {
        guard captured.count == 2, let id = JobID(captured[1]) else { throw .unknownDelivery }
        return id
    }
}

private struct DeliveryPage {
    private static let words = ["status", "event", "job", "delivered", "since", "until", "cursor", "limit"]
    var filter = DeliveryFilter()
    let cursor: JobID?
    let limit: Int

    init(_ exchange: Exchange, alsoKnows more: String...) throws(Problem) {
        var reader = QueryReader(exchange.request.uri.query, allowed: more + DeliveryPage.words)
        if let name = reader.one("webhook") {
            filter.webhook = WebhookDocument.id(name)
            if filter.webhook == nil { reader.refuse("webhook", "must be the id of a webhook, or jobs") }
        }
        filter.states = Set(
            reader.words("status", among: WebhookDelivery.State.allCases.map(\.rawValue)).compactMap(WebhookDelivery.State.init))
        filter.events = reader.words("event", among: Webhook.ends.map { "job.\($0.rawValue)" })
        filter.job = DeliveryPage.id("job", "must be the id of a job", &reader)
        filter.isOpen = reader.words("delivered", among: ["false"]).contains("false")
        filter.since = reader.time("since")
        filter.until = reader.time("until")
        cursor = DeliveryPage.id("cursor", "must be the next_cursor of the page before", &reader)
        limit = reader.number("limit", 1...200, standard: 50)
        guard reader.faults.isEmpty else { throw .badFilter(reader.faults) }
    }

    private static func id(_ name: String, _ detail: String, _ reader: inout QueryReader) -> JobID? {
        guard let text = reader.one(name) else { return nil }
        guard let id = JobID(text) else {
            reader.refuse(name, detail)
            return nil
        }
        return id
    }
}

private enum DeliveryDocument {
    static func of(_ delivery: WebhookDelivery) -> [String: JSONValue] {
        var document: [String: JSONValue] = [
            "delivery_id": .string(delivery.id.description), "webhook_id": .string(WebhookDocument.name(delivery.webhook)),
            "job_id": .string(delivery.job.description), "event": .string(delivery.event), "status": .string(delivery.state.rawValue),
            "attempt_count": .integer(Int64(delivery.attempts)), "created_at": .string(delivery.createdAt.description),
        ]
        document["url"] = delivery.url.map(JSONValue.string)
        document["sender"] = delivery.sender.map { .string($0.description) }
        document["delivered_at"] = delivery.deliveredAt.map { .string($0.description) }
        document["next_attempt_at"] = delivery.nextAttemptAt.map { .string($0.description) }
        return document
    }

    static func of(_ attempt: DeliveryAttempt) -> JSONValue {
        var document: [String: JSONValue] = [
            "number": .integer(Int64(attempt.number)), "started_at": .string(attempt.startedAt.description),
            "duration_ms": .integer(attempt.milliseconds),
        ]
        document["status"] = attempt.status.map { .integer(Int64($0)) }
        document["body"] = attempt.body.map(JSONValue.string)
        document["error"] = attempt.error.map(JSONValue.string)
        document["error_type"] = attempt.errorType.map(JSONValue.string)
        return .object(document)
    }
}
