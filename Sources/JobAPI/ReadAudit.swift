internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobLedger
internal import JobModel
internal import Logging

/// `GET /audit`: who changed what, newest first.
extension Reception {
    func readAudit(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: AuditDocument.words)
        let filter = AuditDocument.filter(&query)
        let limit = query.number("limit", 1...200, standard: 50)
        let cursor = query.one("cursor")
        let below = cursor.flatMap { JobID($0) }
        if cursor != nil, below == nil { query.refuse("cursor", "must be the next_cursor of an earlier answer") }
        try query.finish()
        let found: [AuditEntry]
        do { found = try await desk.ledger.auditLog(filter, below: below, limit: limit + 1) } catch {
            logger.warning("The audit log could not be read", metadata: ["request_id": "\(exchange.requestID)", "error": "\(error)"])
            throw Problem.unavailable("PostgreSQL", retryAfter: 2)
        }
        let page = found.prefix(limit)
        return Response([
            "entries": .array(page.map(AuditDocument.of)),
            "next_cursor": found.count > limit ? page.last.map { .string($0.id.description) } ?? .null : .null,
        ])
    }
}

enum AuditDocument {
    static let words = ["actor", "key", "action", "target", "request", "outcome", "since", "until", "cursor", "limit"]
    private static let open = "open"

    static func filter(_ query: inout QueryReader) -> AuditFilter {
        var filter = AuditFilter()
        filter.actors = Set(query.words("actor", among: AuditEntry.Actor.allCases.map(\.rawValue)).compactMap(AuditEntry.Actor.init))
        filter.keyID = query.one("key")
        filter.actions = Array(query.words("action", among: actions))
        filter.target = query.one("target")
        filter.requestID = query.one("request")
        filter.outcomes = query.words("outcome", among: AuditEntry.Outcome.allCases.map(\.rawValue) + [open])
        filter.since = query.time("since")
        filter.until = query.time("until")
        return filter
    }

    private static var actions: [String] {
        Set(Access.table.values.compactMap(\.action)).sorted() + ["key.create", "key.revoke"]
    }

    static func of(_ entry: AuditEntry) -> JSONValue {
        var document: [String: JSONValue] = [
            "id": .string(entry.id.description), "at": .string(entry.at.description), "actor": .string(entry.actor.rawValue),
            "action": .string(entry.action), "target": .string(entry.target), "detail": entry.detail,
            "outcome": .string(entry.outcome?.rawValue ?? open),
        ]
        let texts = [
            "key_id": entry.keyID, "name": entry.name, "address": entry.address, "request_id": entry.requestID, "problem": entry.problem,
            "ended_at": entry.endedAt?.description,
        ]
        for case (let name, let text?) in texts { document[name] = .string(text) }
        document["status"] = entry.status.map { .integer(Int64($0)) }
        return .object(document)
    }
}
