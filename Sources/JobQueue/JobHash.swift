internal import JobModel
internal import RedisWire

/// A job as the fields of its hash, both ways. Times are milliseconds since 1970; absent values, and those that hold for most jobs, have no field.
/// `status`, `entry`, `lease`, `seq` and `event` belong to the scripts. `more` says that a job is not a plain one: then a claim brings the whole hash.
/// Where a job with a lease has no `attempt`, the lease tells its only attempt, and with the state how many events it has.
enum JobHash {
    /// What a job is accepted with, besides what `enqueue.lua` names for every job; none for a plain one.
    static func rareFields(of job: Job) -> [RedisArgument] {
        var fields: [RedisArgument] = []
        func add(_ name: String, _ value: String?) {
            guard let value else { return }
            fields.append(.string(name))
            fields.append(.string(value))
        }
        if job.metadata != [:] { add("metadata", job.metadata.serialized) }
        addRareFields(of: job, add)
        guard !fields.isEmpty else { return [] }
        add("more", "1")
        if job.priority != .medium { add("priority", job.priority.rawValue) }
        add("submitted_by", job.submittedBy)
        return fields
    }

    /// `<max attempts> <timeout ms> <estimate ms> <priority> <1 when recorded>`: with the input, all that a plain job's handler needs.
    static func policy(of job: Job) -> String {
        "\(job.maxAttempts) \(job.timeoutMilliseconds) \(job.estimatedMilliseconds) \(job.priority.rawValue) \(job.isRecorded ? 1 : 0)"
    }

    private static func addRareFields(of job: Job, _ add: (String, String?) -> Void) {
        add("title", job.title)
        add("description", job.description)
        add("subject", job.subject)
        add("session_id", job.sessionID)
        add("tags", job.tags.isEmpty ? nil : JSONValue.array(job.tags.map(JSONValue.string)).serialized)
        add("traceparent", job.traceparent)
        add("scheduled_at", job.scheduledAt.map { String($0.milliseconds) })
        add("backoff", job.backoff.map { "\($0.baseMilliseconds) \($0.capMilliseconds)" })
        add("concurrency_key", job.concurrencyKey)
        add("unique", job.uniqueness.map { "\(job.kind):\($0.key)" })
        add("unique_span", job.uniqueness?.span.word)
        add("unique_ms", (job.uniqueness?.span.milliseconds).map { String($0) })
        add("flow", job.flow.map(flowText))
        if let word = acceptedAs(job) { add("accepted_as", word) }
        guard job.attempt > 0 else { return }
        add("attempt", String(job.attempt))
        add("uncharged", String(job.uncharged))
        // Queued again after a loss of Redis: its events go on above those of earlier attempts, so that no watcher takes them for old ones.
        add("seq", String(firstSequence(of: job) - 1))
        add("first", String(firstSequence(of: job)))
    }

    /// The state it is accepted in, where that is not `queued`.
    private static func acceptedAs(_ job: Job) -> String? {
        if job.state == .waiting { return JobState.waiting.rawValue }
        return job.scheduledAt.map { $0 > .now } == true ? JobState.scheduled.rawValue : nil
    }

    /// The number of the event that says the job was accepted.
    static func firstSequence(of job: Job) -> Int64 {
        Int64(job.attempt) * 1_000_000 + 1
    }

    static func flowText(_ flow: FlowPlace) -> String {
        JSONValue.object([
            "flow": .string(flow.flow.description), "name": .string(flow.name),
            "parents": .array(flow.parents.map { .string($0.description) }),
            "on_parent_failure": .string(flow.onParentFailure.rawValue),
        ]).serialized
    }

    private static func flow(_ text: String?) -> FlowPlace? {
        guard let value = json(text), let flow = value["flow"]?.string.flatMap(JobID.init) else { return nil }
        return FlowPlace(
            flow: flow, name: value["name"]?.string ?? "",
            parents: value["parents"]?.array?.compactMap { $0.string.flatMap(JobID.init) } ?? [],
            onParentFailure: value["on_parent_failure"]?.string.flatMap(FlowPlace.ParentFailure.init) ?? .cancel)
    }

    /// What says where a job stands: everything but what may be large.
    static let stateNames = [
        "job_id", "kind", "queue", "priority", "status", "policy", "title", "description", "subject", "session_id", "tags", "flow",
        "concurrency_key", "submitted_by", "attempt", "uncharged", "crashes", "suspect", "lease", "progress", "step", "message", "seq",
        "cancel_requested",
        "error", "error_type", "created_at", "scheduled_at", "started_at", "updated_at", "completed_at", "failed_at",
    ]
    static let contentNames = ["input", "metadata", "result"]

    /// Whether a job of this policy has a row.
    static func isRecorded(policy: String) -> Bool {
        policy.hasSuffix(" 1")
    }

    /// Nil for a hash that is not a whole job.
    static func job(from fields: [String: String]) -> Job? {
        guard let id = fields["job_id"].flatMap(JobID.init), let kind = fields["kind"], let queue = fields["queue"],
            let state = fields["status"].flatMap(JobState.init), let created = time(fields["created_at"])
        else { return nil }
        var job = Job(
            id: id, kind: kind, queue: queue, priority: fields["priority"].flatMap(JobPriority.init) ?? .medium, state: state,
            input: json(fields["input"]) ?? [:], metadata: json(fields["metadata"]) ?? [:], createdAt: created)
        read(policy: Array((fields["policy"] ?? "").utf8).split(separator: UInt8(ascii: " "))[...], into: &job)
        readTexts(of: &job, from: fields)
        readProgress(of: &job, from: fields)
        readOutcome(of: &job, from: fields)
        return job
    }

    /// False, and nothing changed, for words that are no policy.
    @discardableResult
    static func read(policy words: ArraySlice<ArraySlice<UInt8>>, into job: inout Job) -> Bool {
        let first = words.startIndex
        guard words.count == 5, let attempts = whole(words[first]), let timeout = whole(words[first + 1]),
            let estimate = whole(words[first + 2]), let priority = JobPriority(rawValue: String(decoding: words[first + 3], as: UTF8.self))
        else { return false }
        job.maxAttempts = attempts
        job.timeoutMilliseconds = Int64(timeout)
        job.estimatedMilliseconds = Int64(estimate)
        job.priority = priority
        job.isRecorded = words[first + 4].elementsEqual([UInt8(ascii: "1")])
        return true
    }

    /// Decimal digits of a number that fits; nil for anything else.
    static func whole(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...18).contains(digits.count) else { return nil }
        var value = 0
        for byte in digits {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte) - 0x30
        }
        return value
    }

    private static func readTexts(of job: inout Job, from fields: [String: String]) {
        job.title = fields["title"]
        job.description = fields["description"]
        job.subject = fields["subject"]
        job.sessionID = fields["session_id"]
        job.tags = json(fields["tags"])?.array?.compactMap(\.string) ?? []
        job.traceparent = fields["traceparent"]
        job.submittedBy = fields["submitted_by"]
        job.concurrencyKey = fields["concurrency_key"]
        job.flow = flow(fields["flow"])
        if let parts = fields["backoff"]?.split(separator: " "), parts.count == 2, let base = Int64(parts[0]), let cap = Int64(parts[1]) {
            job.backoff = Backoff(baseMilliseconds: base, capMilliseconds: cap)
        }
        if let key = fields["unique"], let word = fields["unique_span"],
            let span = Uniqueness.Span(word: word, milliseconds: fields["unique_ms"].flatMap { Int64($0) })
        {
            job.uniqueness = Uniqueness(key: String(key.dropFirst(job.kind.count + 1)), span: span)
        }
    }

    private static func readProgress(of job: inout Job, from fields: [String: String]) {
        let isLeased = fields["lease"]?.isEmpty == false
        job.attempt = whole(fields["attempt"]) ?? (isLeased ? 1 : 0)
        job.uncharged = whole(fields["uncharged"]) ?? 0
        job.crashes = whole(fields["crashes"]) ?? 0
        job.isSuspect = fields["suspect"] == "1"
        job.worker = fields["lease"].flatMap { lease in lease.lastIndex(of: ":").map { String(lease[..<$0]) } }
        job.progress = job.state == .completed ? 100 : fields["progress"].flatMap(Double.init) ?? 0
        job.step = fields["step"]
        job.message = fields["message"]
        job.sequence = fields["seq"].flatMap { Int64($0) }.map { $0 + 1 } ?? (isLeased ? (job.state.isTerminal ? 3 : 2) : 1)
        job.cancelRequested = fields["cancel_requested"] == "1"
    }

    private static func readOutcome(of job: inout Job, from fields: [String: String]) {
        job.result = json(fields["result"])
        // An earlier attempt's failure is history once the job has completed.
        job.error = job.state == .completed ? nil : fields["error"]
        job.errorType = job.state == .completed ? nil : fields["error_type"]
        job.scheduledAt = time(fields["scheduled_at"])
        job.startedAt = time(fields["started_at"])
        job.finishedAt = job.state.isTerminal ? time(fields["failed_at"]) ?? time(fields["completed_at"]) : nil
        let moments = [time(fields["updated_at"]), job.startedAt, job.finishedAt].compactMap(\.self)
        job.updatedAt = moments.max() ?? job.createdAt
    }

    private static func whole(_ text: String?) -> Int? {
        text.flatMap { Int($0) }
    }

    private static func time(_ text: String?) -> Timestamp? {
        text.flatMap { Int64($0) }.map(Timestamp.init(milliseconds:))
    }

    /// Results may be nested deeper than requests.
    private static func json(_ text: String?) -> JSONValue? {
        text.flatMap { try? JSONReader.read($0, depth: 256) }
    }
}
