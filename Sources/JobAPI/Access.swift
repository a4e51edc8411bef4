internal import JobModel

/// What a caller needs for a route, in one table beside that of the routes; a test compares the two. A route that is missing here needs the
/// most there is.
enum Access: Sendable, Hashable {
    /// Nothing: load balancers have no key.
    case open
    /// Any key: what is shown or asked this way is looked at again.
    case anyKey
    case read
    /// Read, but the key may also come after the connection is open: the route asks.
    case socket
    case submit
    /// For workers.
    case work
    /// A change of state that a person makes; the audit log calls it by this word.
    case manage(String)
    /// The same, which `submit` is enough for where the job was submitted with the same key: the route asks `Reception.requireOwn`.
    case own(String)
    /// Sees what only those who manage should see.
    case oversee

    /// Scopes of which one is enough; none where no key is asked for.
    var scopes: [APIKey.Scope] {
        switch self {
        case .open: []
        case .anyKey: APIKey.Scope.allCases
        case .read, .socket: [.read]
        case .submit: [.submit]
        case .work: [.work]
        case .own: [.manage, .submit]
        case .manage, .oversee: [.manage]
        }
    }

    /// What the audit log calls it; nil for what changes nothing that was there.
    var action: String? {
        switch self {
        case .manage(let action), .own(let action): action
        case .open, .anyKey, .read, .socket, .submit, .work, .oversee: nil
        }
    }

    static func of(_ spelled: String) -> Access {
        table[spelled] ?? .manage(spelled)
    }

    static let table: [String: Access] = [
        "POST /jobs": .submit,
        "POST /jobs/batch": .submit,
        "GET /jobs": .read,
        "POST /ingest-async": .submit,
        "GET /jobs/{id}": .read,
        "GET /jobs/{id}/result": .read,
        "GET /jobs/{id}/events": .read,
        "GET /jobs/{id}/attempts": .read,
        "GET /jobs/{id}/log": .read,
        "POST /jobs/{id}/cancel": .own("job.cancel"),
        "POST /jobs/{id}/retry": .own("job.retry"),
        "POST /jobs/{id}/promote": .manage("job.promote"),
        "POST /flows": .submit,
        "GET /events": .read,
        "GET /ws": .socket,
        "GET /flows": .read,
        "GET /flows/{id}": .read,
        "POST /flows/{id}/cancel": .manage("flow.cancel"),
        "GET /conversations": .read,
        "DELETE /conversations": .manage("conversations.delete"),
        "GET /conversations/{session_id}": .read,
        "DELETE /conversations/{session_id}": .manage("conversation.delete"),
        "POST /api/models/jobs": .submit,
        "GET /cache": .read,
        "DELETE /cache": .manage("cache.clear"),
        "GET /cache/performance": .read,
        "POST /feedback": .submit,
        "GET /dead-letters": .read,
        "POST /dead-letters/retry": .manage("dead-letters.retry"),
        "POST /queues/{queue}/pause": .manage("queue.pause"),
        "POST /queues/{queue}/resume": .manage("queue.resume"),
        "GET /limits": .read,
        "PUT /limits/{scope}/{name}": .manage("limit.set"),
        "DELETE /limits/{scope}/{name}": .manage("limit.remove"),
        // Whoever submits must know what can be submitted.
        "GET /kinds": .anyKey,
        "GET /kinds/{kind}": .anyKey,
        "POST /kinds": .work,
        "DELETE /kinds/{kind}": .manage("kind.forget"),
        "POST /work/claim": .work,
        "POST /work/{lease}/heartbeat": .work,
        "POST /work/{lease}/progress": .work,
        "POST /work/{lease}/settle": .work,
        "GET /work/{lease}/steps/{step}": .work,
        "PUT /work/{lease}/steps/{step}": .work,
        "GET /queues": .read,
        "GET /queues/{queue}": .read,
        "GET /queues/{queue}/scaling": .read,
        "GET /workers": .read,
        "POST /workers/{name}/drain": .manage("worker.drain"),
        "POST /uploads": .submit,
        "POST /search": .read,
        "GET /schedules": .read,
        "POST /schedules": .manage("schedule.create"),
        "GET /schedules/{id}": .read,
        "PATCH /schedules/{id}": .manage("schedule.change"),
        "DELETE /schedules/{id}": .manage("schedule.delete"),
        "POST /schedules/{id}/run": .manage("schedule.run"),
        "POST /api/presentations": .submit,
        "GET /api/presentations": .read,
        "PATCH /api/presentations": .manage("presentation.move"),
        "GET /api/presentations/{id}": .read,
        "GET /api/presentations/{id}/file": .read,
        "PATCH /api/presentations/{id}": .manage("presentation.move"),
        "GET /api/subjects": .read,
        "POST /api/subjects/rename": .manage("subject.rename"),
        "POST /api/subjects/merge": .manage("subject.merge"),
        "POST /api/projection/create": .submit,
        "POST /api/translation/round-trip": .submit,
        "POST /api/maieutic/start": .submit,
        "POST /api/configuration/generate": .submit,
        "GET /api/jobs": .read,
        "GET /api/jobs/{id}": .read,
        "POST /api/jobs/{id}/cancel": .manage("job.cancel"),
        "GET /api/models/queue": .read,
        "POST /api/models/queue/start": .manage("queue.resume"),
        "POST /api/models/queue/stop": .manage("queue.pause"),
        // Addresses of receivers may hold secrets of their owners.
        "GET /webhooks": .oversee,
        "POST /webhooks": .manage("webhook.create"),
        "GET /webhooks/deliveries": .oversee,
        "GET /webhooks/{id}": .oversee,
        "PATCH /webhooks/{id}": .manage("webhook.change"),
        "DELETE /webhooks/{id}": .manage("webhook.delete"),
        "POST /webhooks/{id}/secret": .manage("webhook.secret"),
        "GET /webhooks/{id}/deliveries": .oversee,
        "GET /webhooks/{id}/deliveries/{delivery}": .oversee,
        "POST /webhooks/{id}/deliveries/{delivery}/resend": .manage("webhook.resend"),
        "GET /audit": .oversee,
        "POST /mcp": .anyKey,
        "POST /mcp/{tool}": .anyKey,
        "GET /health": .read,
        "GET /health/workers": .read,
        "GET /livez": .open,
        "GET /readyz": .open,
        "GET /openapi.json": .open,
        "GET /docs": .open,
        "GET /docs/{file}": .open,
    ]
}
