package import JobModel

/// What an owner says of a schedule; the desk checks it and decides when it fires.
package struct ScheduleDraft: Sendable {
    package var name: String
    package var expression: String
    package var timeZone = "UTC"
    package var missed = Schedule.MissedRuns.runOnce
    package var overlap = Schedule.Overlap.allow
    package var isEnabled = true
    /// The job of every fire time. Its `runAt`, `flow`, `idempotency` and `traceparent` belong to one submission: they are not kept.
    package var request: JobRequest

    package init(name: String, expression: String, request: JobRequest) {
        self.name = name
        self.expression = expression
        self.request = request
    }
}

extension JobRequest {
    /// What the request says beside kind and input, in the words of `POST /jobs`.
    var options: [String: JSONValue] {
        var options: [String: JSONValue] = [:]
        options["queue"] = queue.map(JSONValue.string)
        options["priority"] = priority == .medium ? nil : .string(priority.rawValue)
        options["timeout"] = timeoutMilliseconds.map(JSONValue.seconds)
        options["max_attempts"] = maxAttempts.map { .integer(Int64($0)) }
        options["backoff"] = backoff.map {
            ["base_seconds": .seconds($0.baseMilliseconds), "cap_seconds": .seconds($0.capMilliseconds)]
        }
        options["unique"] = uniqueness.map(\.words)
        options["concurrency_key"] = concurrencyKey.map(JSONValue.string)
        options["subject"] = subject.map(JSONValue.string)
        options["session_id"] = sessionID.map(JSONValue.string)
        options["title"] = title.map(JSONValue.string)
        options["description"] = description.map(JSONValue.string)
        options["tags"] = tags.isEmpty ? nil : .array(tags.map(JSONValue.string))
        options["metadata"] = metadata == [:] ? nil : metadata
        options["webhook"] = webhook.map(\.words)
        return options
    }

    /// Reads what `options` wrote; a member that this version does not know is left out.
    init(kind: String, input: JSONValue, options: JSONValue) {
        self.init(kind: kind, input: input)
        queue = options["queue"]?.string
        priority = options["priority"]?.string.flatMap(JobPriority.init) ?? .medium
        timeoutMilliseconds = options["timeout"]?.milliseconds
        maxAttempts = options["max_attempts"]?.integer
        if let base = options["backoff"]?["base_seconds"]?.milliseconds, let cap = options["backoff"]?["cap_seconds"]?.milliseconds {
            backoff = Backoff(baseMilliseconds: base, capMilliseconds: cap)
        }
        uniqueness = options["unique"].flatMap(Uniqueness.init(words:))
        concurrencyKey = options["concurrency_key"]?.string
        subject = options["subject"]?.string
        sessionID = options["session_id"]?.string
        title = options["title"]?.string
        description = options["description"]?.string
        tags = options["tags"]?.array?.compactMap(\.string) ?? []
        metadata = options["metadata"] ?? [:]
        webhook = options["webhook"].flatMap(JobWebhook.init(words:))
    }
}

extension JobWebhook {
    fileprivate var words: JSONValue {
        ["url": .string(url), "events": .array(events.map { .string($0.rawValue) })]
    }

    fileprivate init?(words: JSONValue) {
        guard let url = words["url"]?.string else { return nil }
        self.init(url: url, events: words["events"]?.array?.compactMap { $0.string.flatMap(JobState.init) } ?? Webhook.ends)
    }
}

extension Uniqueness {
    fileprivate var words: JSONValue {
        switch span {
        case .whileQueued, .whileActive: ["key": .string(key), "while": .string(span.word)]
        case .window(let milliseconds): ["key": .string(key), "window_seconds": .seconds(milliseconds)]
        }
    }

    fileprivate init?(words: JSONValue) {
        guard let key = words["key"]?.string else { return nil }
        let window = words["window_seconds"]?.milliseconds
        guard let span = Span(word: words["while"]?.string ?? "window", milliseconds: window) else { return nil }
        self.init(key: key, span: span)
    }
}

extension JSONValue {
    fileprivate static func seconds(_ milliseconds: Int64) -> JSONValue {
        milliseconds % 1000 == 0 ? .integer(milliseconds / 1000) : .number(Double(milliseconds) / 1000)
    }

    fileprivate var milliseconds: Int64? {
        number.flatMap { Int64(exactly: ($0 * 1000).rounded()) }
    }
}
