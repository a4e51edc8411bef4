public import FoundationEssentials
internal import JobModel

/// What may be said of a job beside its kind and input. Nothing of it is needed.
public struct JobOptions: Sendable, Hashable {
    /// Order in which waiting jobs of a queue start; `medium` without a word.
    public enum Priority: String, Sendable, Hashable { case urgent, high, medium, low }

    /// Not before then; at most 366 days ahead.
    public enum Start: Sendable, Hashable {
        /// In milliseconds; shorter parts of a second do not count.
        case after(Duration)
        case at(Date)
    }

    /// At most one job of a kind has the key at a time: a second submission is answered with the first one's job.
    public enum Unique: Sendable, Hashable {
        /// Until the job has ended.
        case active(key: String)
        /// Until an attempt has started.
        case queued(key: String)
        /// From the submission on, whatever becomes of the job.
        case window(key: String, Duration)
    }

    /// Another one than the kind's.
    public var queue: String?
    /// Which jobs of the queue go first.
    public var priority: Priority?
    /// Not before then.
    public var start: Start?
    /// Of one attempt; whole seconds, at least 1.
    public var timeout: Duration?
    /// 1 to 100.
    public var maxAttempts: Int?
    /// What it belongs to; at most 200 bytes.
    public var subject: String?
    /// The conversation it speaks in; at most 200 bytes.
    public var sessionID: String?
    /// Its name for people; at most 300 bytes.
    public var title: String?
    /// For people; at most 2,000 bytes.
    public var description: String?
    /// At most 20 of at most 100 bytes.
    public var tags: [String] = []
    /// Comes back with the job.
    public var metadata: JSON?
    /// One job at a time of this key.
    public var unique: Unique?
    /// Jobs of one key take turns, and only as many of them run at once as the key's limit says.
    public var concurrencyKey: String?
    /// The same key with the same job is one job, however often it is sent. Made by the client where none is given, so that its own repeats make
    /// no second job; give one that you keep (the id of an order) when a second run of your program must not make one either.
    public var idempotencyKey: String?

    /// Nothing said.
    public init() {}
}

/// A job to be: for batches.
public struct Submission: Sendable, Hashable {
    /// What it does; `GET /kinds` has the names.
    public var kind: String
    /// An object, as the kind says.
    public var input: JSON
    /// What else is said of it.
    public var options: JobOptions

    /// Checked by the API, not here.
    public init(_ kind: String, input: JSON = [:], options: JobOptions = JobOptions()) {
        self.kind = kind
        self.input = input
        self.options = options
    }

    /// As the body of `POST /jobs`; the idempotency key goes another way.
    var members: [String: JSON] {
        var members: [String: JSON] = ["kind": .init(.string(kind)), "input": input]
        let texts = [
            ("queue", options.queue), ("priority", options.priority?.rawValue), ("subject", options.subject),
            ("session_id", options.sessionID),
            ("title", options.title), ("description", options.description), ("concurrency_key", options.concurrencyKey),
        ]
        for (name, text) in texts { members[name] = text.map { JSON(.string($0)) } }
        switch options.start {
        case .after(let delay): members["delay"] = JSON(.number(delay.inSeconds))
        case .at(let date): members["run_at"] = JSON(.string(Timestamp(date).description))
        case nil: break
        }
        members["timeout"] = options.timeout.map { JSON(.integer(max(1, $0.components.seconds))) }
        members["max_attempts"] = options.maxAttempts.map { JSON(.integer(Int64($0))) }
        members["tags"] = options.tags.isEmpty ? nil : JSON(.array(options.tags.map(JSONValue.string)))
        members["metadata"] = options.metadata
        members["unique"] = options.unique?.json
        return members
    }
}

extension JobOptions.Unique {
    fileprivate var json: JSON {
        switch self {
        case .active(let key): ["key": JSON(.string(key)), "while": "active"]
        case .queued(let key): ["key": JSON(.string(key)), "while": "queued"]
        case .window(let key, let window): ["key": JSON(.string(key)), "window_seconds": JSON(.integer(window.components.seconds))]
        }
    }
}

extension Duration {
    var inSeconds: Double { (Double(components.seconds) * 1000 + Double(components.attoseconds / 1_000_000_000_000_000)) / 1000 }
}

extension TidewheelClient {
    /// Accepted means: it will end exactly once. A repeat after a lost answer makes no second job.
    public func submit(
        _ kind: String, input: JSON = [:], options: JobOptions = JobOptions()
    ) async throws(TidewheelError) -> JobHandle {
        let body = JSON(.object(Submission(kind, input: input, options: options).members.mapValues(\.value)))
        let answer = try await call(
            APIRequest(
                method: "POST", path: "/jobs", headers: [("Idempotency-Key", "\"\(try Self.key(options))\"")], body: body.value.bytes,
                isRepeatable: true))
        return try JobHandle(client: self, acceptance: try answer.json())
    }

    /// The same with an input that has JSON of its own: its `encode` decides.
    public func submit(
        _ kind: String, input: some Encodable & Sendable, options: JobOptions = JobOptions()
    ) async throws(TidewheelError) -> JobHandle {
        let json: JSON
        do {
            json = try JSON(encoding: input)
        } catch { throw .invalidRequest("the input has no JSON: \(error)") }
        return try await submit(kind, input: json, options: options)
    }

    /// Each is accepted or refused for itself; the answers stand in the order of the submissions. More than 1,000 go in several requests: when
    /// a later one fails altogether this throws, and the same call again (with idempotency keys of yours) makes no job twice.
    public func submit(_ batch: [Submission]) async throws(TidewheelError) -> [Result<JobHandle, TidewheelError>] {
        var results: [Result<JobHandle, TidewheelError>] = []
        for start in stride(from: 0, to: batch.count, by: 1_000) {
            results += try await submitPart(batch[start..<min(start + 1_000, batch.count)])
        }
        return results
    }

    private func submitPart(_ part: ArraySlice<Submission>) async throws(TidewheelError) -> [Result<JobHandle, TidewheelError>] {
        var jobs: [JSONValue] = []
        for submission in part {
            var members = submission.members.mapValues(\.value)
            members["idempotency_key"] = .string(try Self.key(submission.options))
            jobs.append(.object(members))
        }
        let body = JSONValue.object(["jobs": .array(jobs)]).bytes
        let answer = try await call(APIRequest(method: "POST", path: "/jobs/batch", body: body, isRepeatable: true)).json()
        guard let items = answer["items"]?.array, items.count == part.count else {
            throw .invalidAnswer("a batch of \(part.count) was answered with another number of items")
        }
        return items.map { item in
            if let problem = item["problem"] {
                let status = item["status"]?.integer ?? 422
                return .failure(.problem(.init(APIAnswer(status: status, headers: [], body: problem.value.bytes))))
            }
            return Result { () throws(TidewheelError) in try JobHandle(client: self, acceptance: item) }
        }
    }

    private static func key(_ options: JobOptions) throws(TidewheelError) -> String {
        guard let key = options.idempotencyKey else { return random128() }
        guard (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
        else { throw .invalidRequest("an idempotency key has 1 to 255 visible ASCII characters, without quotes and backslashes") }
        return key
    }

    private static func random128() -> String {
        let halves = [UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)]
        return halves.map { String($0, radix: 16) }.joined(separator: "-")
    }
}
