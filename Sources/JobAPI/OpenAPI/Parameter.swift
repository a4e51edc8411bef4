internal import JobModel

/// What a request may say in its path, its query and its headers.
struct Parameter: Sendable {
    enum Place: String, Sendable { case path, query, header }

    let name: String
    let place: Place
    let schema: JSONValue
    let meaning: String
    let example: JSONValue?

    init(_ name: String, _ place: Place, _ schema: JSONValue, _ meaning: String, eg example: JSONValue? = nil) {
        self.name = name
        self.place = place
        self.schema = schema
        self.meaning = meaning
        self.example = example
    }

    var document: JSONValue {
        var document: [String: JSONValue] = [
            "name": .string(name), "in": .string(place.rawValue), "required": .boolean(place == .path), "schema": schema,
            "description": .string(meaning),
        ]
        document["example"] = example
        return .object(document)
    }
}

// Queries.
extension Parameter {
    static func limit(_ range: ClosedRange<Int>, _ standard: Int) -> Parameter {
        Parameter(
            "limit", .query,
            [
                "type": "integer", "minimum": .integer(Int64(range.lowerBound)), "maximum": .integer(Int64(range.upperBound)),
                "default": .integer(Int64(standard)),
            ], "How many at most.")
    }

    static let cursor = text("cursor", "`next_cursor` of the page before.")
    static let since = time("since", "At this time or after it.")
    static let until = time("until", "Before this time.")

    static func text(_ name: String, _ meaning: String, most: Int = 300, eg example: JSONValue? = nil) -> Parameter {
        Parameter(name, .query, ["type": "string", "maxLength": .integer(Int64(most))], meaning, eg: example)
    }

    static func time(_ name: String, _ meaning: String) -> Parameter {
        Parameter(name, .query, ["type": "string", "format": "date-time"], meaning)
    }

    /// One or more words, repeated or separated by commas.
    static func words(_ name: String, _ words: [String], _ meaning: String) -> Parameter {
        Parameter(
            name, .query, ["type": "array", "items": ["type": "string", "enum": .array(words.map(JSONValue.string))]],
            meaning + " Repeated, or separated by commas.")
    }

    static func texts(_ name: String, most: Int, _ meaning: String) -> Parameter {
        Parameter(
            name, .query, ["type": "array", "maxItems": .integer(Int64(most)), "items": ["type": "string", "maxLength": 500]], meaning)
    }

    static func id(_ name: String, _ meaning: String) -> Parameter {
        Parameter(name, .query, ["type": "string", "format": "uuid"], meaning)
    }
}

// Headers.
extension Parameter {
    static let idempotencyKey = Parameter(
        "Idempotency-Key", .header, ["type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-\\[\\]-~]+$"],
        "Makes the request repeatable: the same key and body give the same job, another body is refused. With or without double quotes.",
        eg: "order-4711")
    static let prefer = Parameter(
        "Prefer", .header, ["type": "string", "pattern": "^wait=[1-9][0-9]?$"],
        "`wait=N` holds the answer for at most N seconds (60).", eg: "wait=30")
    static let traceparent = Parameter(
        "traceparent", .header, ["type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"],
        "W3C trace context; kept with the job.", eg: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    static let ifNoneMatch = Parameter(
        "If-None-Match", .header, ["type": "string"], "An `ETag` that was answered before: 304 while it is still right.",
        eg: "W/\"4-processing\"")
    static let lastEventID = Parameter(
        "Last-Event-ID", .header, ["type": "string", "pattern": "^[0-9]{1,18}$"],
        "Number of the last event that was seen: what came after it is sent first.", eg: "4")
    /// What every submission takes.
    static let ofSubmission = [idempotencyKey, prefer, traceparent]
}

// Paths.
extension Parameter {
    /// What the braces of a path stand for.
    static func path(_ name: String, in path: String, _ catalogue: JobCatalogue) -> Parameter {
        switch (name, path.split(separator: "/").first ?? "") {
        case ("id", "webhooks"):
            Parameter(
                name, .path, ["anyOf": [["type": "string", "format": "uuid"], ["const": "jobs"]]],
                "The webhook's id; `jobs` stands for the receivers that single jobs name.", eg: .string(AnswerShape.exampleID))
        case ("id", let whose):
            Parameter(
                name, .path, ["type": "string", "format": "uuid"], meanings["\(whose)"] ?? "Its id.", eg: .string(AnswerShape.exampleID))
        case ("delivery", _):
            Parameter(name, .path, ["type": "string", "format": "uuid"], "The delivery's id.", eg: .string(AnswerShape.exampleID))
        case ("lease", _):
            Parameter(
                name, .path, ["type": "string", "minLength": 1], "The lease that the claim answered.",
                eg: .string("\(AnswerShape.exampleID).1.w-3f9a"))
        case ("step", _):
            Parameter(name, .path, ["type": "string", "minLength": 1, "maxLength": 500], "The step's name, percent-encoded.", eg: "resize")
        case ("tool", _): Parameter(name, .path, ["type": "string", "minLength": 1, "maxLength": 200], "The tool's name.", eg: "list_jobs")
        case ("queue", _): oneOf(name, catalogue.queues, "The queue's name.")
        case ("kind", _): oneOf(name, catalogue.kinds.map(\.name), "The kind's name.")
        case ("scope", _): oneOf(name, ["queue", "kind", "key"], "What is limited; `key` is a concurrency key.")
        case ("name", "limits"):
            Parameter(
                name, .path, ["type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"],
                "Of the queue, kind or key; `*` stands for every key without a limit of its own. Percent-encoded.", eg: "web_crawl")
        case ("session_id", _):
            Parameter(
                name, .path, ["type": "string", "minLength": 1, "maxLength": .integer(Int64(ConversationTurn.maxSessionBytes))],
                "The session's id, percent-encoded.", eg: "ml_discussion")
        case ("file", _): oneOf(name, DocsPage.files.keys.sorted(), "A file of the page.")
        default: Parameter(name, .path, ["type": "string", "minLength": 1, "maxLength": 200], "Its name.")
        }
    }

    private static let meanings = ["jobs": "The job's id.", "flows": "The flow's id.", "schedules": "The schedule's id."]

    private static func oneOf(_ name: String, _ words: [String], _ meaning: String) -> Parameter {
        Parameter(
            name, .path, ["type": "string", "enum": .array(words.map(JSONValue.string))], meaning, eg: words.first.map(JSONValue.string))
    }
}
