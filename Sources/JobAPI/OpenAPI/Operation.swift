internal import JobModel

/// What the OpenAPI document says of one route beyond what `Routes`, `Access` and `KnownQueries` know: the table is in `Operations/`.
struct Operation: Sendable {
    enum Body: Sendable {
        /// A JSON object, and one that fits.
        case json(String, eg: JSONValue)
        /// The same, or no body at all.
        case optional(String, eg: JSONValue)
        /// Bytes of any type.
        case file
        /// What another protocol says.
        case other(JSONValue)
    }

    /// `METHOD /path`, as in `Routes`.
    let route: String
    let id: String
    let tag: Tag
    let description: String
    let query: [Parameter]
    let headers: [Parameter]
    let body: Body?
    let answers: [RouteAnswer]
    /// Types of problems that only this route has; the rest is `ProblemsOfRoute`'s business.
    let problems: [String]
    /// Asks other routes: whatever problem they have is its own.
    let asksOthers: Bool

    init(
        _ route: String, _ id: String, _ tag: Tag, _ description: String, query: [Parameter] = [], headers: [Parameter] = [],
        body: Body? = nil, _ answers: [RouteAnswer], problems: [String] = [], asksOthers: Bool = false
    ) {
        self.route = route
        self.id = id
        self.tag = tag
        self.description = description
        self.query = query
        self.headers = headers
        self.body = body
        self.answers = answers
        self.problems = problems
        self.asksOthers = asksOthers
    }

    enum Tag: String, Sendable, CaseIterable {
        case jobs = "Jobs"
        case flows = "Flows"
        case deadLetters = "Dead letters"
        case queues = "Queues and limits"
        case kinds = "Kinds"
        case files = "Files"
        case conversations = "Conversations"
        case models = "Models"
        case modelJobs = "Model jobs"
        case schedules = "Schedules"
        case presentations = "Presentations"
        case webhooks = "Webhooks"
        case audit = "Audit"
        case work = "Workers over HTTP"
        case tools = "Tools for models"
        case health = "Health"
        case documentation = "Documentation"

        var meaning: String {
            switch self {
            case .jobs: "Submit work, follow it, and end it."
            case .flows: "Jobs that wait for each other."
            case .deadLetters: "Jobs that failed for good."
            case .queues: "How queues and workers stand, pauses, and limits for the whole fleet."
            case .kinds: "What jobs can do, and what they take."
            case .files: "Files that document jobs ingest."
            case .conversations: "What was said in the sessions of model jobs."
            case .models: "Asking models in the words of clients of Ollama queues; kept answers; how models do."
            case .modelJobs: "Jobs of the queue `models` in the words of those who use them."
            case .schedules: "Jobs that are made again and again."
            case .presentations: "Slides, and the subjects that they are put under."
            case .webhooks: "Receivers that are told when jobs end (Standard Webhooks)."
            case .audit: "Who changed what."
            case .work: "Programs in any language that run jobs without access to Redis."
            case .tools: "The Model Context Protocol, and its tools in plain JSON."
            case .health: "What operators and load balancers ask."
            case .documentation: "This document, and a page that shows it."
            }
        }
    }
}

/// One possible answer that is no problem.
struct RouteAnswer: Sendable {
    let status: Int
    let meaning: String
    /// Name of an `AnswerShape`; nil for an answer without a body or with `media`.
    let shape: String?
    /// Bodies that are no JSON documents: type and example.
    let media: [(type: String, example: JSONValue?)]
    let headers: [ResponseHeader]

    static func ok(_ shape: String, _ meaning: String = "As it is now.", _ headers: [ResponseHeader] = []) -> RouteAnswer {
        RouteAnswer(status: 200, meaning: meaning, shape: shape, media: [], headers: headers)
    }

    static func created(_ shape: String, _ meaning: String, _ headers: [ResponseHeader] = []) -> RouteAnswer {
        RouteAnswer(status: 201, meaning: meaning, shape: shape, media: [], headers: headers)
    }

    static func accepted(_ shape: String, _ meaning: String, _ headers: [ResponseHeader]) -> RouteAnswer {
        RouteAnswer(status: 202, meaning: meaning, shape: shape, media: [], headers: headers)
    }

    static func empty(_ status: Int, _ meaning: String, _ headers: [ResponseHeader] = []) -> RouteAnswer {
        RouteAnswer(status: status, meaning: meaning, shape: nil, media: [], headers: headers)
    }

    /// A document with any status, or a body of another type.
    static func json(_ status: Int, _ shape: String, _ meaning: String, or type: String? = nil) -> RouteAnswer {
        RouteAnswer(status: status, meaning: meaning, shape: shape, media: type.map { [($0, nil)] } ?? [], headers: [])
    }

    static func media(_ types: [(type: String, example: JSONValue?)], _ meaning: String, _ headers: [ResponseHeader] = []) -> RouteAnswer {
        RouteAnswer(status: 200, meaning: meaning, shape: nil, media: types, headers: headers)
    }
}

enum ResponseHeader: String, Sendable, CaseIterable {
    case location = "Location"
    case retryAfter = "Retry-After"
    case eTag = "ETag"
    case idempotencyReplayed = "Idempotency-Replayed"
    case uniqueReplayed = "Unique-Replayed"
    case preferenceApplied = "Preference-Applied"
    case allow = "Allow"
    case authenticate = "WWW-Authenticate"
    case disposition = "Content-Disposition"
    case requestID = "X-Request-ID"
    case rateLimitPolicy = "RateLimit-Policy"
    case rateLimit = "RateLimit"

    /// In every answer that names it.
    var isAlways: Bool {
        switch self {
        case .location, .retryAfter, .eTag, .allow, .authenticate, .disposition, .requestID: true
        case .idempotencyReplayed, .uniqueReplayed, .preferenceApplied, .rateLimit, .rateLimitPolicy: false
        }
    }

    func document(isRequired: Bool) -> JSONValue {
        let (meaning, schema, example): (String, JSONValue, JSONValue) =
            switch self {
            case .location: ("Where it is.", ["type": "string", "format": "uri-reference"], .string("/jobs/\(AnswerShape.exampleID)"))
            case .retryAfter: ("Seconds until it is worth asking again.", ["type": "integer", "minimum": 0], 2)
            case .eTag: ("Changes when the document does; send it back in If-None-Match.", ["type": "string"], "W/\"4-processing\"")
            case .idempotencyReplayed: ("The key was used before: this is the first job.", ["type": "string", "enum": ["true"]], "true")
            case .uniqueReplayed: ("Another job holds the unique key: this is that job.", ["type": "string", "enum": ["true"]], "true")
            case .preferenceApplied: ("What of Prefer was heeded.", ["type": "string"], "wait=30")
            case .allow: ("Methods of this path.", ["type": "string"], "GET, HEAD, POST")
            case .authenticate: ("RFC 6750.", ["type": "string"], "Bearer realm=\"tidewheel\", error=\"invalid_token\"")
            case .disposition: ("A name for the file.", ["type": "string"], "attachment; filename=\"presentation-01a1fd4b.pptx\"")
            case .requestID: ("Taken from the request, or made; the log has it.", ["type": "string"], "7a1d6c4e0b")
            case .rateLimitPolicy: ("What the key may do.", ["type": "string"], "\"requests\";q=100;w=60")
            case .rateLimit: ("What is left of it.", ["type": "string"], "\"requests\";r=99;t=1")
            }
        return ["description": .string(meaning), "required": .boolean(isRequired), "schema": schema, "example": example]
    }
}
