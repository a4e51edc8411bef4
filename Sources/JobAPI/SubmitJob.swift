internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /jobs`: a job of any kind. The desk decides whether it is accepted; what is answered here is what the caller can follow it by.
extension Reception {
    func submitJob(_ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        var request = try SubmitJob.request(body)
        request.idempotency = try IdempotencyHeader.key(exchange.header("Idempotency-Key"), route: "/jobs", body: .object(body))
        request.traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
        return try await accepted(desk.submit(request), exchange)
    }

    /// 202 with everything to follow the job by; with `Prefer: wait=N`, the job itself when it ends in time.
    func accepted(_ submission: Submission, _ exchange: Exchange) async throws -> Response {
        let wait = Prefer.wait(exchange)
        var job = submission.job
        if let wait, !job.state.isTerminal { job = await hold(job, for: wait, untilEnd: true) }
        // Who asked for a unique job that has been done already gets it at once.
        let isAnswer = job.state.isTerminal && (wait != nil || submission.novelty == .duplicate)
        var response =
            isAnswer
            ? try await document(of: job)
            : Response(
                SubmitJob.receipt(job, await desk.firstOutlook(of: job)), status: .accepted,
                headers: [.retryAfter: "\(SubmitJob.pollAfterSeconds(job))"])
        response.headers[.location] = "/jobs/\(job.id)"
        note(submission.novelty, in: &response)
        Prefer.note(wait, in: &response)
        return response
    }

    func note(_ novelty: Submission.Novelty, in response: inout Response) {
        switch novelty {
        case .new: break
        case .replay: response.headers[named: "Idempotency-Replayed"] = "true"
        case .duplicate: response.headers[named: "Unique-Replayed"] = "true"
        }
    }
}

enum SubmitJob {
    static let maxMetadataBytes = 16 << 10
    private static let longestDelaySeconds = 366.0 * 86_400

    static let shape = InputShape([
        .init("kind", .text(maxLength: 100), required: true, "what the job does"),
        .init("input", .object, standard: [:], "the kind's input"),
        .init("queue", .text(maxLength: 100), "another queue than the kind's"),
        .init("priority", .choice(JobPriority.allCases.map(\.rawValue)), standard: "medium", "order in the queue"),
        .init("delay", .number(0...longestDelaySeconds), "seconds from now"),
        .init("run_at", .text(maxLength: 64), "RFC 3339 time"),
        .init("timeout", .number(1...86_400), "seconds an attempt may take"),
        .init("max_attempts", .integer(1...100), "attempts before the job fails for good"),
        .init("backoff", .object, "pauses before retries"),
        .init("unique", .object, "at most one job of a key at a time"),
        .init("concurrency_key", .text(maxLength: 200), "jobs of one key take turns with those of others"),
        .init("subject", .text(maxLength: 200), "what the job is about"),
        .init("session_id", .text(maxLength: 200), "the session it belongs to"),
        .init("title", .text(maxLength: 300), "a name for people"),
        .init("description", .text(maxLength: 2000), "a text for people"),
        .init("tags", .texts(maxCount: 20, maxLength: 100), "words to find it by"),
        .init("metadata", .object, standard: [:], "anything the caller wants back"),
        .init("webhook", .object, "whom to tell of its end"),
    ])

    /// The request's members as the desk wants them, or everything that is wrong with them.
    static func request(_ body: [String: JSONValue]) throws(Problem) -> JobRequest {
        let fields = try accept(body, shape)
        var faults: [InputShape.Fault] = []
        var request = JobRequest(kind: fields["kind"]?.string ?? "", input: fields["input"] ?? [:])
        request.metadata = metadata(fields, &faults)
        request.queue = fields["queue"]?.string
        request.priority = fields["priority"]?.string.flatMap(JobPriority.init) ?? .medium
        request.runAt = start(fields, &faults)
        request.timeoutMilliseconds = milliseconds(fields["timeout"])
        request.maxAttempts = fields["max_attempts"]?.integer
        request.subject = fields["subject"]?.string
        request.sessionID = fields["session_id"]?.string
        request.title = fields["title"]?.string
        request.description = fields["description"]?.string
        request.tags = fields["tags"]?.array?.compactMap(\.string) ?? []
        request.backoff = SubmissionOptions.backoff(fields["backoff"], &faults)
        request.uniqueness = SubmissionOptions.uniqueness(fields["unique"], &faults)
        request.webhook = SubmissionOptions.webhook(fields["webhook"], &faults)
        request.concurrencyKey = SubmissionOptions.concurrencyKey(fields["concurrency_key"], &faults)
        guard faults.isEmpty else { throw .invalid(faults) }
        return request
    }

    /// Checks a request body as a kind's input is checked; only the pointers begin at the body's root.
    static func accept(_ body: [String: JSONValue], _ shape: InputShape) throws(Problem) -> [String: JSONValue] {
        var faults: [InputShape.Fault] = []
        let accepted = accept(.object(body), shape, at: "#", &faults)
        guard let accepted else { throw .invalid(faults) }
        return accepted
    }

    /// The same for an object that stands at `place` in the body; nil when it has faults, which are added to the others.
    static func accept(
        _ object: JSONValue, _ shape: InputShape, at place: String, _ faults: inout [InputShape.Fault]
    ) -> [String: JSONValue]? {
        switch shape.accept(object) {
        case .success(let accepted): return accepted.object ?? [:]
        case .failure(let found):
            faults += found.list.map { fault in
                let isUnknown = fault.detail == "is not a field of this kind"
                return InputShape.Fault(
                    pointer: place + fault.pointer.dropFirst("#/input".count),
                    detail: isUnknown ? "is not a member of this request" : fault.detail)
            }
            return nil
        }
    }

    static func oversized(_ metadata: JSONValue) -> InputShape.Fault? {
        metadata.bytes.count > maxMetadataBytes
            ? InputShape.Fault(pointer: "#/metadata", detail: "must be at most \(maxMetadataBytes) bytes of JSON") : nil
    }

    private static func metadata(_ fields: [String: JSONValue], _ faults: inout [InputShape.Fault]) -> JSONValue {
        let metadata = fields["metadata"] ?? [:]
        if let fault = oversized(metadata) { faults.append(fault) }
        return metadata
    }

    private static func start(_ fields: [String: JSONValue], _ faults: inout [InputShape.Fault]) -> Timestamp? {
        let now = Timestamp.now
        if let text = fields["run_at"]?.string {
            guard fields["delay"] == nil else {
                faults.append(.init(pointer: "#/run_at", detail: "must not be given together with delay"))
                return nil
            }
            guard let time = Timestamp(rfc3339: text), Double(time.milliseconds) <= Double(now.milliseconds) + longestDelaySeconds * 1000
            else {
                let detail = "must be an RFC 3339 time at most 366 days ahead, written like 2030-01-31T12:00:00Z"
                faults.append(.init(pointer: "#/run_at", detail: detail))
                return nil
            }
            return time
        }
        return milliseconds(fields["delay"]).flatMap { $0 > 0 ? now.advanced(byMilliseconds: $0) : nil }
    }

    /// Bounded by the shape before.
    static func milliseconds(_ seconds: JSONValue?) -> Int64? {
        seconds?.number.flatMap { Int64(exactly: ($0 * 1000).rounded()) }
    }
}

extension SubmitJob {
    static func receipt(_ job: Job, _ outlook: Outlook?) -> JSONValue {
        var receipt: [String: JSONValue] = [
            "job_id": .string(job.id.description), "kind": .string(job.kind), "status": .string(job.state.rawValue),
            "message": .string(message(job)), "created_at": .string(job.createdAt.description),
            "status_url": .string("/jobs/\(job.id)"), "track_url": .string("/jobs/\(job.id)"),
            "events_url": .string("/jobs/\(job.id)/events"),
            "estimated_time": .string(estimate(job.estimatedMilliseconds)), "estimated_seconds": .integer(job.estimatedMilliseconds / 1000),
        ]
        JobDocument.add(outlook, to: &receipt)
        return .object(receipt)
    }

    private static func message(_ job: Job) -> String {
        switch job.state {
        case .scheduled: "Job scheduled for \(job.scheduledAt?.description ?? "later")"
        case .waiting: "Job waiting for other jobs"
        case .queued: "Job queued for processing"
        case .processing: "Job is being processed"
        case .completed, .failed, .cancelled: "Job has \(job.state == .completed ? "" : "been ")\(job.state.rawValue)"
        }
    }

    /// For people, a range as in "2-5 minutes": half to one and a quarter of what the kind expects.
    static func estimate(_ milliseconds: Int64) -> String {
        let seconds = Double(milliseconds) / 1000
        if seconds < 10 { return "a few seconds" }
        if seconds < 60 { return "less than a minute" }
        let minutes = seconds / 60
        let low = max(1, Int64(exactly: (minutes * 0.5).rounded()) ?? 1)
        return "\(low)-\(max(low + 1, Int64(exactly: (minutes * 1.25).rounded(.up)) ?? low + 1)) minutes"
    }

    /// When it is worth asking again: soon for short kinds, at most half a minute, and not before a scheduled job starts.
    static func pollAfterSeconds(_ job: Job) -> Int64 {
        let untilStart = max(0, (job.scheduledAt?.milliseconds ?? 0) - Timestamp.now.milliseconds) / 1000
        return max(untilStart, min(30, max(1, job.estimatedMilliseconds / 20_000)))
    }
}
