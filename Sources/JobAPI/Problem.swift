internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// Every error this API answers, in one table: RFC 9457 problem documents. `detail` tells the caller what to do; nothing here is a secret.
struct Problem: Error {
    let status: HTTPResponse.Status
    /// Last part of the `type` URN: what programs compare.
    let type: String
    let title: String
    let detail: String
    var members: [String: JSONValue] = [:]
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ type: String, _ title: String, _ detail: String) {
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
    }
}

// The request as such.
extension Problem {
    static let unknownRoute = Problem(
        .notFound, "unknown-route", "Unknown route", "There is nothing at this path; docs/http-api.md lists every route.")

    static func wrongMethod(allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        var problem = Problem(.methodNotAllowed, "wrong-method", "Method not allowed", "This path answers \(list).")
        problem.headers[.allow] = list
        return problem
    }

    static func wrongContentType(_ detail: String) -> Problem {
        Problem(.unsupportedMediaType, "wrong-content-type", "Unsupported content type", detail)
    }

    static func tooLarge(limit: Int) -> Problem {
        var problem = Problem(.contentTooLarge, "too-large", "Content too large", "The body may have at most \(limit) bytes.")
        problem.members["limit_bytes"] = .integer(Int64(limit))
        return problem
    }

    static func notJSON(_ error: JSONError, line: Int, column: Int) -> Problem {
        let place = "line \(line), column \(column)"
        var problem = Problem(.badRequest, "invalid-json", "Invalid JSON", "The body is not acceptable JSON: \(error.reason), at \(place).")
        problem.members["offset"] = .integer(Int64(error.offset))
        return problem
    }

    static let notHTTP = Problem(
        .badRequest, "not-http", "Not HTTP",
        "The request is not HTTP/1.1 as it should be, or its head is over 32 KiB or has a line over 16 KiB.")
    static let incompleteBody = Problem(
        .badRequest, "incomplete-body", "Incomplete body", "The body is shorter than its Content-Length says.")
    static let emptyBody = Problem(.badRequest, "empty-body", "Empty body", "This request needs a body.")

    static func badHeader(_ name: String, _ detail: String) -> Problem {
        Problem(.badRequest, "invalid-header", "Invalid header", "\(name) \(detail).")
    }

    static func badQuery(_ name: String, _ detail: String) -> Problem {
        Problem(.badRequest, "invalid-query", "Invalid query parameter", "\(name) \(detail).")
    }
}

// Callers. The words of `WWW-Authenticate` are RFC 6750's.
extension Problem {
    static let missingKey = challenge(
        .unauthorized, "missing-key", "A key is needed",
        "Send Authorization: Bearer and an API key; `tidewheel key create` makes one.", "")
    static let wrongKey = challenge(
        .unauthorized, "wrong-key", "The key is not valid", "The API key is mistyped, unknown, expired or revoked; ask for another one.",
        ", error=\"invalid_token\"")

    static func missingScope(_ scope: APIKey.Scope) -> Problem {
        challenge(
            .forbidden, "missing-scope", "The key does not allow this", "This needs a key with the scope \(scope.rawValue).",
            ", error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""
        )
        .with(["scope": .string(scope.rawValue)])
    }

    static func tooManyWrongKeys(retryAfter seconds: Int) -> Problem {
        var problem = Problem(
            .tooManyRequests, "too-many-wrong-keys", "Too many wrong keys", "Many wrong keys came from this address; look at the key first."
        )
        problem.headers[.retryAfter] = String(seconds)
        return problem
    }

    static func overQuota(_ policy: QuotaPolicy, retryAfter seconds: Int) -> Problem {
        let what =
            switch policy {
            case .requests: "This key has made too many requests; wait as long as Retry-After says."
            case .jobsADay: "This key has no room for so many jobs today; there are more after midnight UTC."
            case .liveJobs: "This key has no room for so many live jobs; wait until some of its jobs have ended."
            }
        var problem = Problem(.tooManyRequests, "quota-exceeded", "Quota exceeded", what)
        problem.headers[.retryAfter] = String(max(1, seconds))
        return problem.with(["violated-policies": [.string(policy.rawValue)]])
    }

    static let foreignHost = Problem(
        .misdirectedRequest, "foreign-host", "Not this host",
        "Without keys the API answers to localhost and 127.0.0.1 only. For another name set TIDEWHEEL_API_KEYS (docs/keys.md).")
    static let foreignOrigin = Problem(
        .forbidden, "foreign-origin", "A page of another origin", "Without keys web pages of other origins may not change anything here.")

    private static func challenge(
        _ status: HTTPResponse.Status, _ type: String, _ title: String, _ detail: String, _ more: String
    ) -> Problem {
        var problem = Problem(status, type, title, detail)
        problem.headers[.wwwAuthenticate] = "Bearer realm=\"tidewheel\"" + more
        return problem
    }
}

// Lists.
extension Problem {
    static let searchTooSlow = Problem(
        .unprocessableContent, "search-too-slow", "Search too slow",
        "The search took longer than 5 s. Narrow it by since, until, kind or subject, or search for rarer words.")

    static func badFilter(_ faults: [QueryReader.Fault]) -> Problem {
        var problem = Problem(
            .unprocessableContent, "invalid-filter", "Invalid filter", "A query parameter does not fit; `errors` says which and why.")
        problem.members["errors"] = .array(faults.map { ["detail": .string($0.detail), "parameter": .string($0.parameter)] })
        return problem
    }
}

// Jobs.
extension Problem {
    static let unknownJob = Problem(
        .notFound, "unknown-job", "Unknown job", "There is no job of this id, or it was removed after its retention time.")

    static let unknownFlow = Problem(
        .notFound, "unknown-flow", "Unknown flow", "There is no flow of this id, or it was removed after its retention time.")

    static func flowEnded(_ flow: Flow) -> Problem {
        Problem(.conflict, "already-ended", "The flow has ended", "The flow is already \(flow.state.rawValue) and cannot be cancelled.")
            .with(["flow_id": .string(flow.id.description), "flow_status": .string(flow.state.rawValue)])
    }

    /// What `invalid` was told; nil for any other problem.
    var faults: [InputShape.Fault]? {
        members["errors"]?.array?.map {
            InputShape.Fault(pointer: $0["pointer"]?.string ?? "#", detail: $0["detail"]?.string ?? "")
        }
    }

    static func invalid(_ faults: [InputShape.Fault]) -> Problem {
        var problem = Problem(
            .unprocessableContent, "invalid-input", "Invalid input", "The request was understood but does not fit; `errors` says where.")
        problem.members["errors"] = .array(faults.map { ["detail": .string($0.detail), "pointer": .string($0.pointer)] })
        return problem
    }

    static func unknownKind(_ known: [String], pointer: String) -> Problem {
        let fault = InputShape.Fault(pointer: pointer, detail: "must be one of: \(known.joined(separator: ", "))")
        var problem = invalid([fault])
        problem = Problem(problem.status, "unknown-kind", "Unknown kind", "There is no such kind of job.").with(problem.members)
        return problem.with(["known_kinds": .array(known.map(JSONValue.string))])
    }

    static let idempotencyConflict = Problem(
        .unprocessableContent, "idempotency-conflict", "Idempotency key used before",
        "This Idempotency-Key was used with another request; repeat that request exactly, or take a new key.")

    static func alreadyEnded(_ job: Job) -> Problem {
        Problem(.conflict, "already-ended", "The job has ended", "The job is already \(job.state.rawValue) and cannot be cancelled.")
            .with(["job_id": .string(job.id.description), "job_status": .string(job.state.rawValue)])
    }

    static func notRetryable(_ job: Job) -> Problem {
        Problem(
            .conflict, "not-retryable", "The job cannot be retried",
            "The job is \(job.state.rawValue); only one that failed or was cancelled can be retried."
        )
        .with(["job_id": .string(job.id.description), "job_status": .string(job.state.rawValue)])
    }

    static func parentsLive(_ job: Job) -> Problem {
        Problem(
            .conflict, "parents-not-ended", "The job depends on jobs that have not ended",
            "Jobs that this one depends on run again; retry it when they have ended."
        )
        .with(["job_id": .string(job.id.description), "depends_on": .array((job.flow?.parents ?? []).map { .string($0.description) })])
    }

    static func otherCount(_ matching: Int) -> Problem {
        Problem(
            .conflict, "other-count", "The number has changed",
            "\(matching) dead letters match now; look at them, and send that number as count."
        )
        .with(["matching": .integer(Int64(matching))])
    }

    static func notScheduled(_ job: Job) -> Problem {
        Problem(
            .conflict, "not-scheduled", "The job is not scheduled", "The job is \(job.state.rawValue); only a scheduled one is promoted."
        )
        .with(["job_id": .string(job.id.description), "job_status": .string(job.state.rawValue)])
    }

    static func uniqueHeld(_ holder: JobID) -> Problem {
        var problem = Problem(
            .conflict, "unique-held", "The unique key is taken",
            "Another job holds this unique key and cannot be shown: it is being accepted this moment, or was removed after its retention.")
        problem.headers[.retryAfter] = "2"
        return problem.with(["job_id": .string(holder.description)])
    }

    static func notFinished(_ job: Job) -> Problem {
        var problem = Problem(
            .conflict, "not-finished", "The job has not ended", "The job is \(job.state.rawValue); its result comes later."
        )
        .with(["job_id": .string(job.id.description), "job_status": .string(job.state.rawValue), "progress": .number(job.progress)])
        problem.headers[.retryAfter] = "2"
        return problem
    }

    static func withoutResult(_ job: Job) -> Problem {
        let isCancelled = job.state == .cancelled
        let reason = job.error ?? (isCancelled ? "The job was cancelled" : "The job failed")
        let problem = Problem(
            .conflict, isCancelled ? "job-cancelled" : "job-failed", isCancelled ? "The job was cancelled" : "The job failed", reason)
        return problem.with([
            "job_id": .string(job.id.description), "job_status": .string(job.state.rawValue),
            "error_type": job.errorType.map(JSONValue.string) ?? .null,
        ])
    }
}

// Schedules.
extension Problem {
    static let unknownSchedule = Problem(.notFound, "unknown-schedule", "Unknown schedule", "There is no schedule of this id.")
    static let scheduleChanged = Problem(
        .conflict, "schedule-changed", "The schedule was changed",
        "Others change this schedule at the same time; read it and repeat the change.")
    static let tooManySchedules = Problem(
        .conflict, "too-many-schedules", "Too many schedules", "There are \(Schedule.maxCount) schedules already; delete some first.")

    static func scheduleExists(_ name: String) -> Problem {
        Problem(
            .conflict, "schedule-exists", "The name is taken",
            "There is another schedule of this name; change that one, or take another name."
        )
        .with(["name": .string(name)])
    }
}

// Queues and limits.
extension Problem {
    static func unknownQueue(_ known: [String]) -> Problem {
        Problem(.notFound, "unknown-queue", "Unknown queue", "There is no such queue.")
            .with(["known_queues": .array(known.map(JSONValue.string))])
    }

    static func unknownKind(naming known: [String]) -> Problem {
        Problem(.notFound, "unknown-kind", "Unknown kind", "There is no such kind of job.")
            .with(["known_kinds": .array(known.map(JSONValue.string))])
    }

    static let unknownWorker = Problem(
        .notFound, "unknown-worker", "Unknown worker", "No live worker has this name; GET /workers has those that there are.")
    static let unknownLimit = Problem(.notFound, "unknown-limit", "Unknown limit", "There is no limit of this scope and name.")
    static let badName = Problem(
        .unprocessableContent, "invalid-input", "Invalid input", "The name must be 1 to 200 visible ASCII characters without spaces.")
    static let tooManyLimits = Problem(
        .unprocessableContent, "too-many-limits", "Too many limits",
        "There may be \(JobDesk.mostLimits) limits; remove one that is not needed, or say * for every key.")
}

// Conversations.
extension Problem {
    static let unknownConversation = Problem(
        .notFound, "unknown-conversation", "Unknown conversation", "Nothing was said in a session of this id, or it was cleared.")
}

// Us.
extension Problem {
    static func unavailable(_ service: String, retryAfter seconds: Int) -> Problem {
        busy("unavailable", "Service unavailable", "\(service) is not available at the moment; repeat the request later.", seconds)
    }

    static func full(retryAfter seconds: Int) -> Problem {
        busy("full", "No room for new jobs", "Redis is at its memory limit; running jobs go on, new ones are refused for now.", seconds)
    }

    static func unreadableRow(_ why: String) -> Problem {
        Problem(
            .conflict, "unreadable-row", "A row cannot be read",
            "What PostgreSQL holds here was written or changed by others, and this version cannot read it: \(why). Mend the row.")
    }

    static let draining = busy("draining", "Shutting down", "This process is shutting down; ask another one.", 1)
    static let tooManyStreams = busy("too-many-streams", "Too many event streams", "All event streams are taken; poll the job instead.", 5)
    static let tooManyUploads = busy("too-many-uploads", "Too many uploads", "All places for uploads are taken; repeat it in a moment.", 2)
    static let tooManyBatches = busy("too-many-batches", "Too many batches", "All places for batches are taken; repeat it in a moment.", 1)
    static let fault = Problem(
        .internalServerError, "internal-error", "Internal error", "Something went wrong here; the log has it under this request_id.")

    static func busy(_ type: String, _ title: String, _ detail: String, _ seconds: Int) -> Problem {
        var problem = Problem(.serviceUnavailable, type, title, detail)
        problem.headers[.retryAfter] = String(max(1, seconds))
        return problem
    }

    /// What the desk's errors are over HTTP.
    init(_ error: DeskError) {
        switch error {
        case .unknownKind(_, let known): self = .unknownKind(known, pointer: "#/kind")
        case .invalid(let faults): self = .invalid(faults)
        case .idempotencyConflict: self = .idempotencyConflict
        case .kindRefused(let refusal): self = .kindRefused(refusal)
        case .kindInUse(let kind): self = .kindInUse(kind)
        case .leaseLost: self = .leaseLost
        case .notFound: self = .unknownJob
        case .unknownFlow: self = .unknownFlow
        case .flowEnded(let flow): self = .flowEnded(flow)
        case .uniqueHeld(let id): self = .uniqueHeld(id)
        case .alreadyEnded(let job): self = .alreadyEnded(job)
        case .notRetryable(let job): self = .notRetryable(job)
        case .parentsLive(let job): self = .parentsLive(job)
        case .unknownSchedule: self = .unknownSchedule
        case .scheduleExists(let name): self = .scheduleExists(name)
        case .tooManySchedules: self = .tooManySchedules
        case .notScheduled(let job): self = .notScheduled(job)
        case .unknownWebhook: self = .unknownWebhook
        case .unknownDelivery: self = .unknownDelivery
        case .tooManyWebhooks: self = .tooManyWebhooks
        case .webhookDisabled: self = .webhookDisabled
        case .deliveryUnderWay(let sender): self = .deliveryUnderWay(sender)
        case .unknownQueue(_, let known): self = .unknownQueue(known)
        case .tooManyLimits: self = .tooManyLimits
        case .badSearch(let why): self = .badFilter([.init(parameter: "q", detail: "is not understood: \(why)")])
        case .searchTooSlow: self = .searchTooSlow
        case .unknownPresentation: self = .unknownPresentation
        case .unknownSubject(let subject): self = .unknownSubject(subject)
        case .subjectExists(let subject): self = .subjectExists(subject)
        case .unknownConversation: self = .unknownConversation
        case .overQuota(let policy, let seconds): self = .overQuota(policy, retryAfter: seconds)
        case .unavailable(let service, let seconds): self = .unavailable(service, retryAfter: seconds)
        case .full(let seconds): self = .full(retryAfter: seconds)
        case .unreadableRow(let why): self = .unreadableRow(why)
        case .internalFault: self = .fault
        }
    }
}

extension Problem {
    /// A problem that was told already, by a request inside this one.
    init(_ document: JSONValue, status: HTTPResponse.Status) {
        self.init(
            status, document["type"]?.string?.split(separator: ":").last.map(String.init) ?? "refused",
            document["title"]?.string ?? status.reasonPhrase, document["detail"]?.string ?? "")
        let told = ["type", "title", "detail", "status", "instance", "request_id"]
        members = (document.object ?? [:]).filter { !told.contains($0.key) }
    }

    func with(_ more: [String: JSONValue]) -> Problem {
        var copy = self
        copy.members.merge(more) { _, new in new }
        return copy
    }

    /// Members of the problem's own never hide the standard ones.
    func document(requestID: String, path: String) -> JSONValue {
        var document = members
        document["type"] = .string("urn:tidewheel:problem:\(type)")
        document["title"] = .string(title)
        document["status"] = .integer(Int64(status.code))
        document["detail"] = .string(detail)
        document["instance"] = .string(path)
        document["request_id"] = .string(requestID)
        return .object(document)
    }

    func response(requestID: String, path: String) -> Response {
        var response = Response(document(requestID: requestID, path: path), status: status, headers: headers)
        response.headers[.contentType] = "application/problem+json"
        return response
    }
}
