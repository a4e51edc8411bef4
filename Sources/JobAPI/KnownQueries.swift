/// What may stand in the query of routes that do not look through it themselves: a misspelled name must not look like one that was heeded.
/// Probes are let through as they come.
enum KnownQueries {
    static func of(_ route: String) -> [String]? { table[route] }

    private static let table: [String: [String]] = [
        "POST /jobs": [], "POST /jobs/batch": [], "POST /ingest-async": [], "POST /flows": [], "POST /schedules": [],
        "POST /dead-letters/retry": [], "POST /uploads": ["filename"], "POST /search": [], "GET /jobs/{id}": [],
        "GET /jobs/{id}/result": [],
        "GET /jobs/{id}/events": ["last_event_id"], "GET /jobs/{id}/attempts": [], "GET /jobs/{id}/log": [],
        "GET /events": ["topics", "last_event_id"], "GET /ws": [],
        "GET /flows": ["limit", "cursor"], "GET /flows/{id}": ["limit", "cursor"], "POST /flows/{id}/cancel": ["limit", "cursor"],
        "POST /api/models/jobs": [], "POST /feedback": [], "GET /cache": [],
        "GET /limits": [], "GET /kinds": [], "GET /kinds/{kind}": [], "POST /kinds": [], "DELETE /kinds/{kind}": [],
        "POST /work/claim": [], "POST /work/{lease}/heartbeat": [], "POST /work/{lease}/progress": [], "POST /work/{lease}/settle": [],
        "GET /work/{lease}/steps/{step}": [], "PUT /work/{lease}/steps/{step}": [], "GET /queues": [], "GET /queues/{queue}": [],
        "GET /queues/{queue}/scaling": [], "GET /workers": [], "POST /workers/{name}/drain": [],
        "GET /api/presentations/{id}/file": [],
        "POST /api/projection/create": [], "POST /api/translation/round-trip": [], "POST /api/maieutic/start": [],
        "POST /api/configuration/generate": [], "GET /api/jobs/{id}": [], "POST /api/jobs/{id}/cancel": [], "GET /api/models/queue": [],
        "GET /schedules": ["limit", "cursor", "name"], "GET /schedules/{id}": [],
        "POST /mcp": [], "POST /mcp/{tool}": [], "GET /openapi.json": [], "GET /docs": [], "GET /docs/{file}": [],
        "POST /jobs/{id}/cancel": [], "POST /jobs/{id}/retry": [], "POST /jobs/{id}/promote": [], "POST /queues/{queue}/pause": [],
        "POST /queues/{queue}/resume": [], "PUT /limits/{scope}/{name}": [], "DELETE /limits/{scope}/{name}": [],
        "DELETE /conversations/{session_id}": [], "PATCH /schedules/{id}": [], "DELETE /schedules/{id}": [],
        "POST /schedules/{id}/run": [], "POST /api/presentations": [], "PATCH /api/presentations": [], "GET /api/presentations/{id}": [],
        "PATCH /api/presentations/{id}": [], "POST /api/subjects/rename": [], "POST /api/subjects/merge": [],
        "POST /api/models/queue/start": [], "POST /api/models/queue/stop": [], "GET /webhooks": [], "POST /webhooks": [],
        "GET /webhooks/{id}": [], "PATCH /webhooks/{id}": [], "DELETE /webhooks/{id}": [], "POST /webhooks/{id}/secret": [],
        "GET /webhooks/{id}/deliveries/{delivery}": [], "POST /webhooks/{id}/deliveries/{delivery}/resend": [],
    ]
}
