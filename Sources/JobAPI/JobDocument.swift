internal import JobDesk
internal import JobModel
internal import JobQueue

/// A job as `GET /jobs/{id}` shows it: the seeds' status document, and what else is known.
enum JobDocument {
    static func of(_ job: Job, log: [JSONValue], durations: Durations, outlook: Outlook?, at now: Timestamp = .now) -> JSONValue {
        var document = short(job, durations: durations, at: now)
        add(outlook, to: &document)
        document["events"] = .array(log.map(withoutResult))
        if job.state == .completed { document["result"] = job.result ?? [:] }
        return .object(document)
    }

    /// What lists show of it: everything but its events and its result.
    static func short(_ job: Job, durations: Durations, at now: Timestamp = .now) -> [String: JSONValue] {
        var document: [String: JSONValue] = [
            "job_id": .string(job.id.description), "kind": .string(job.kind), "status": .string(job.state.rawValue),
            "queue": .string(job.queue), "priority": .string(job.priority.rawValue), "progress": .number(job.progress),
            "attempt": .integer(Int64(job.attempt)), "max_attempts": .integer(Int64(job.maxAttempts)),
            "created_at": .string(job.createdAt.description), "updated_at": .string(job.updatedAt.description),
            "cancel_requested": .boolean(job.cancelRequested), "metadata": .object(metadata(job)),
            "elapsed_seconds": .seconds(elapsed(job, now)),
        ]
        if !job.unreadable.isEmpty { document["unreadable"] = .array(job.unreadable.map(JSONValue.string)) }
        addTexts(job, to: &document)
        addTimes(job, now, durations, to: &document)
        addEnd(job, to: &document)
        return document
    }

    static func add(_ outlook: Outlook?, to document: inout [String: JSONValue]) {
        if let position = outlook?.position {
            document["queue_position"] = .integer(Int64(position.number))
            if position.isEstimate { document["queue_position_estimated"] = .boolean(true) }
        }
        if let start = outlook?.start { document["estimated_start_at"] = .string(start.description) }
    }

    private static func addTexts(_ job: Job, to document: inout [String: JSONValue]) {
        let texts = [
            "step": job.step, "message": job.message, "title": job.title, "description": job.description, "subject": job.subject,
            "session_id": job.sessionID, "submitted_by": job.submittedBy,
            "worker": job.state == .processing ? job.worker : nil,
        ]
        for case (let name, let text?) in texts { document[name] = .string(text) }
        if let key = job.concurrencyKey { document["concurrency_key"] = .string(key) }
        if let backoff = job.backoff { document["backoff"] = of(backoff) }
        if let uniqueness = job.uniqueness { document["unique"] = of(uniqueness) }
        if let flow = job.flow { document["flow"] = of(flow) }
        if !job.tags.isEmpty { document["tags"] = .array(job.tags.map(JSONValue.string)) }
    }

    private static func of(_ flow: FlowPlace) -> JSONValue {
        [
            "flow_id": .string(flow.flow.description), "name": .string(flow.name), "status_url": .string("/flows/\(flow.flow)"),
            "depends_on": .array(flow.parents.map { .string($0.description) }), "on_parent_failure": .string(flow.onParentFailure.rawValue),
        ]
    }

    private static func of(_ backoff: Backoff) -> JSONValue {
        [
            "base_seconds": .number(Double(backoff.baseMilliseconds) / 1000),
            "cap_seconds": .number(Double(backoff.capMilliseconds) / 1000),
        ]
    }

    private static func of(_ uniqueness: Uniqueness) -> JSONValue {
        guard let milliseconds = uniqueness.span.milliseconds else {
            return ["key": .string(uniqueness.key), "while": .string(uniqueness.span.word)]
        }
        return ["key": .string(uniqueness.key), "window_seconds": .number(Double(milliseconds) / 1000)]
    }

    private static func addTimes(_ job: Job, _ now: Timestamp, _ durations: Durations, to document: inout [String: JSONValue]) {
        let finished = job.state == .completed ? "completed_at" : job.state == .failed ? "failed_at" : "cancelled_at"
        let times = ["scheduled_at": job.scheduledAt, "started_at": job.startedAt, finished: job.state.isTerminal ? job.finishedAt : nil]
        for case (let name, let time?) in times { document[name] = .string(time.description) }
        if !job.state.isTerminal { document["remaining_seconds"] = .seconds(remaining(job, now, durations)) }
    }

    private static func addEnd(_ job: Job, to document: inout [String: JSONValue]) {
        if let error = job.error { document["error"] = .string(error) }
        if let type = job.errorType { document["error_type"] = .string(type) }
    }

    /// The seeds show where an ingest job's content comes from in its metadata, however it was submitted.
    private static func metadata(_ job: Job) -> [String: JSONValue] {
        var metadata = job.metadata.object ?? [:]
        if IngestAsync.sourceTypes.contains(job.kind) {
            metadata["source_type"] = metadata["source_type"] ?? .string(job.kind)
            metadata["source_uri"] = metadata["source_uri"] ?? job.input["url"] ?? job.input["uri"]
        }
        return metadata
    }

    /// The result stands in the document once; the log's last event carries it for those who watch.
    static func withoutResult(_ event: JSONValue) -> JSONValue {
        guard var members = event.object else { return event }
        members["result"] = nil
        return .object(members)
    }

    private static func elapsed(_ job: Job, _ now: Timestamp) -> Int64 {
        guard let started = job.startedAt else { return 0 }
        return max(0, (job.finishedAt ?? now).milliseconds - started.milliseconds)
    }

    /// Of a job that does not run yet, the whole duration; the time it waits is not in it.
    private static func remaining(_ job: Job, _ now: Timestamp, _ durations: Durations) -> Int64 {
        let isRunning = job.state == .processing
        return durations.remaining(of: job, elapsed: isRunning ? elapsed(job, now) : 0, percent: isRunning ? job.progress : 0)
    }
}
