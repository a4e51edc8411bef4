internal import HTTPTypes
internal import JobDesk
internal import JobModel

/// Which problems a route can answer with: those that come with what it is (its access, its query, its body), and its own.
enum ProblemsOfRoute {
    /// By status: one of each. A type that comes with two statuses is written `404 unknown-kind`.
    static func byStatus(_ route: Route, _ operation: Operation) -> [(status: Int, problems: [Problem])] {
        let problems = types(route, operation).flatMap(ProblemTable.named)
        return Dictionary(grouping: problems, by: \.status.code).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value.sorted { $0.type < $1.type }) }
    }

    static func types(_ route: Route, _ operation: Operation) -> Set<String> {
        var types: Set<String> = ["not-http", "invalid-header", "foreign-host", "internal-error"]
        types.formUnion(operation.problems)
        if !route.access.scopes.isEmpty {
            types.formUnion(["missing-key", "wrong-key", "missing-scope", "too-many-wrong-keys", "quota-exceeded", "unavailable"])
        }
        if route.method != .get { types.insert("foreign-origin") }
        if route.query != nil { types.insert("invalid-query") } else if !operation.query.isEmpty { types.insert("invalid-filter") }
        switch operation.body {
        case .json: types.formUnion(ofJSON)
        // The body is read only where there is one.
        case .optional: types.formUnion(ofJSON.subtracting(["empty-body"]))
        case .file: types.formUnion(["empty-body", "incomplete-body", "too-large", "wrong-content-type"])
        case .other, nil: break
        }
        if operation.headers.contains(where: { $0.name == "Idempotency-Key" }) { types.insert("idempotency-conflict") }
        return types
    }

    private static let ofJSON: Set<String> = [
        "invalid-json", "empty-body", "incomplete-body", "too-large", "wrong-content-type", "invalid-input",
    ]

    /// What a submission may be answered with beside that.
    static let ofSubmission = ["422 unknown-kind", "unique-held", "full"]
}

/// One of every problem there is, made by the functions that make them: the document shows them as examples.
enum ProblemTable {
    private static let byName = Dictionary(
        grouping: all.flatMap { [($0.type, $0), ("\($0.status.code) \($0.type)", $0)] }, by: \.0
    ).mapValues { $0.map(\.1) }

    /// Of a type, or of a status and a type.
    static func named(_ name: String) -> [Problem] { byName[name] ?? [] }

    static let all: [Problem] = [ofRequests, ofJobs, ofOthers, ofWork].flatMap(\.self)

    private static let ofRequests: [Problem] = [
        .unknownRoute, .wrongMethod(allowed: ["GET", "HEAD"]),
        .wrongContentType("Send JSON in UTF-8 with Content-Type: application/json."), .tooLarge(limit: BodyReader.maxJSONBytes),
        .notJSON(JSONError(reason: "a comma is missing", offset: 14), line: 1, column: 15), .notHTTP, .incompleteBody, .emptyBody,
        .badHeader("Idempotency-Key", "must be 1 to 255 visible ASCII characters, with or without double quotes"),
        .badQuery("limit", "must be a whole number from 1 to 100"), .missingKey, .wrongKey, .missingScope(.submit),
        .tooManyWrongKeys(retryAfter: 30), .overQuota(.requests, retryAfter: 2), .foreignHost, .foreignOrigin, .searchTooSlow,
        .badFilter([.init(parameter: "status", detail: "must be one of: waiting, scheduled, queued")]),
        .unavailable("Redis", retryAfter: 2), .full(retryAfter: 5), .draining, .tooManyStreams, .tooManyUploads, .tooManyBatches, .fault,
    ]

    private static let ofJobs: [Problem] = [
        .unknownJob, .unknownFlow, .invalid([.init(pointer: "#/input/url", detail: "is required")]),
        .unknownKind(["web_crawl", "document"], pointer: "#/kind"), .unknownKind(naming: ["web_crawl", "document"]), .idempotencyConflict,
        .alreadyEnded(job(.completed)), .flowEnded(flow), .notRetryable(job(.completed)), .parentsLive(job(.failed)), .otherCount(12),
        .notScheduled(job(.queued)), .uniqueHeld(id), .notFinished(job(.processing)), .withoutResult(job(.failed)),
        .withoutResult(job(.cancelled)), .unreadableRow("status"),
    ]

    private static let ofOthers: [Problem] = [
        .unknownSchedule, .scheduleChanged, .tooManySchedules, .scheduleExists("nightly"), .unknownQueue(["ingest", "models"]),
        .unknownLimit, .tooManyLimits, .unknownConversation, .unknownPresentation, .fileNotKept(job(.completed)), .fileGone,
        .unknownSubject("bio"), .subjectExists("biology"), .subjectChanged(presentation), .unknownWebhook, .unknownDelivery,
        .webhookChanged, .tooManyWebhooks, .webhookDisabled, .deliveryUnderWay(id),
    ]

    private static let ofWork: [Problem] = [
        .unknownLease, .leaseLost, .unknownStep, .tooManySteps, .unknownWorker, .kindInUse("resize_image"),
        .kindRefused(.nameTaken("web_crawl")), .kindRefused(.queueTaken(queue: "ingest", by: ["web_crawl"])), .kindRefused(.tooMany),
        .tooManySearches, .searchFailed(.retry("the search took too long", type: "search_too_slow")), .upgradeRequired,
        Problem(.notFound, "unknown-tool", "Unknown tool", "There is no tool of this name."),
    ]

    private static let id = JobID(AnswerShape.exampleID) ?? JobID()
    private static let time = Timestamp(rfc3339: AnswerShape.exampleTime) ?? .now

    private static func job(_ state: JobState) -> Job {
        Job(id: id, kind: "web_crawl", queue: "ingest", state: state, input: [:], createdAt: time)
    }

    private static var flow: Flow { Flow(id: id, createdAt: time, counts: [.completed: 3], lastEnd: time) }

    private static var presentation: Presentation {
        Presentation(
            id: id, topic: "Photosynthesis", status: .complete, subject: "biology", presentonID: nil, presentonURL: nil,
            createdMicroseconds: time.milliseconds * 1000, completedAt: time, userID: nil, slides: 5, error: nil)
    }
}
