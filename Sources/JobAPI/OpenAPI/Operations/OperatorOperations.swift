internal import JobModel

// What operators and load balancers ask, and what this document is.
extension Operation {
    static let operations: [Operation] = [
        Operation(
            "GET /audit", "readAudit", .audit, "Newest first.",
            query: [
                .words("actor", JobModel.AuditEntry.Actor.allCases.map(\.rawValue), "Who."), .text("key", "The id of a key."),
                Parameter(
                    "action", .query, ["type": "array", "items": ["type": "string"]],
                    "Words such as `job.cancel`, repeated or separated by commas."),
                .text("target", "Which one."), .text("request", "An `X-Request-ID`."),
                .words("outcome", JobModel.AuditEntry.Outcome.allCases.map(\.rawValue) + ["open"], "How it went."), .since, .until, .cursor,
                .limit(1...200, 50),
            ],
            [.ok("AuditLog", "A page.")]),
        Operation("GET /health", "health", .health, "Always 200: `status` says how things are.", [.ok("Health")]),
        Operation("GET /health/workers", "readWorkers", .health, "Every worker that is known.", [.ok("Workers")]),
        Operation("GET /livez", "livez", .health, "Never looks at Redis or PostgreSQL.", [.ok("Alive", "The process answers.")]),
        Operation(
            "GET /readyz", "readyz", .health, "Load balancers take it out on 503.", [.ok("Ready", "Requests can be served.")],
            problems: ["unavailable", "draining"]),
        Operation(
            "GET /openapi.json", "openapi", .documentation, "OpenAPI 3.1; a test compares it with the routes.", headers: [.ifNoneMatch],
            [.ok("OpenAPI", "This document.", [.eTag]), .empty(304, "It is still the same.", [.eTag])]),
        Operation(
            "GET /docs", "docs", .documentation, "Shows this document in a browser, without anything from elsewhere.",
            headers: [.ifNoneMatch],
            [.media([("text/html", nil)], "The page.", [.eTag]), .empty(304, "It is still the same.", [.eTag])]),
        Operation(
            "GET /docs/{file}", "docsFile", .documentation, "What the page is made of.", headers: [.ifNoneMatch],
            [
                .media([("text/css", nil), ("text/javascript", nil)], "The file.", [.eTag]),
                .empty(304, "It is still the same.", [.eTag]),
            ], problems: ["unknown-route"]),
    ]
}
