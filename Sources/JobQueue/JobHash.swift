internal import JobModel
internal import RedisWire

/// A job as the fields of its hash, both ways. Times are milliseconds since 1970; absent values have no field.
enum JobHash {
    /// Everything a job is accepted with. `status`, `entry` and `stream` belong to the scripts.
    static func fields(of job: Job) -> [RedisArgument] {
        var fields: [(String, String?)] = [
            ("kind", job.kind), ("queue", job.queue), ("priority", job.priority.rawValue), ("title", job.title),
            ("input", job.input.serialized), ("metadata", job.metadata.serialized), ("recorded", job.isRecorded ? "1" : nil),
            ("subject", job.subject), ("session_id", job.sessionID),
            ("tags", job.tags.isEmpty ? nil : JSONValue.array(job.tags.map(JSONValue.string)).serialized),
            ("attempt", String(job.attempt)), ("uncharged", String(job.uncharged)), ("max_attempts", String(job.maxAttempts)),
            ("timeout_ms", String(job.timeoutMilliseconds)), ("estimated_ms", String(job.estimatedMilliseconds)),
            ("created_at", String(job.createdAt.milliseconds)), ("updated_at", String(job.updatedAt.milliseconds)),
            ("traceparent", job.traceparent), ("progress", "0"),
        ]
        // Queued again after a loss of Redis: its events go on above those of earlier attempts, so that no watcher takes them for old ones.
        if job.attempt > 0 { fields.append(("seq", String(Int64(job.attempt) * 1_000_000))) }
        fields.append(("scheduled_at", job.scheduledAt.map { String($0.milliseconds) }))
        return fields.flatMap { name, value in value.map { [.string(name), .string($0)] } ?? [] }
    }

    /// Nil for a hash that is not a whole job.
    static func job(from fields: [String: String]) -> Job? {
        guard let id = fields["job_id"].flatMap(JobID.init), let kind = fields["kind"], let queue = fields["queue"],
            let state = fields["status"].flatMap(JobState.init), let created = time(fields["created_at"])
        else { return nil }
        var job = Job(
            id: id, kind: kind, queue: queue, priority: fields["priority"].flatMap(JobPriority.init) ?? .medium, state: state,
            input: json(fields["input"]) ?? [:], metadata: json(fields["metadata"]) ?? [:], isRecorded: fields["recorded"] == "1",
            maxAttempts: whole(fields["max_attempts"]) ?? 1, timeoutMilliseconds: fields["timeout_ms"].flatMap { Int64($0) } ?? 600_000,
            estimatedMilliseconds: fields["estimated_ms"].flatMap { Int64($0) } ?? 0, createdAt: created)
        readProgress(of: &job, from: fields)
        readOutcome(of: &job, from: fields)
        return job
    }

    private static func readProgress(of job: inout Job, from fields: [String: String]) {
        job.title = fields["title"]
        job.subject = fields["subject"]
        job.sessionID = fields["session_id"]
        job.tags = json(fields["tags"])?.array?.compactMap(\.string) ?? []
        job.attempt = whole(fields["attempt"]) ?? 0
        job.uncharged = whole(fields["uncharged"]) ?? 0
        job.crashes = whole(fields["crashes"]) ?? 0
        job.isSuspect = fields["suspect"] == "1"
        job.worker = fields["worker"]
        job.progress = fields["progress"].flatMap(Double.init) ?? 0
        job.step = fields["step"]
        job.message = fields["message"]
        job.sequence = fields["seq"].flatMap { Int64($0) } ?? 0
        job.cancelRequested = fields["cancel_requested"] == "1"
        job.traceparent = fields["traceparent"]
    }

    private static func readOutcome(of job: inout Job, from fields: [String: String]) {
        job.result = json(fields["result"])
        // An earlier attempt's failure is history once the job has completed.
        job.error = job.state == .completed ? nil : fields["error"]
        job.errorType = job.state == .completed ? nil : fields["error_type"]
        job.scheduledAt = time(fields["scheduled_at"])
        job.startedAt = time(fields["started_at"])
        job.updatedAt = time(fields["updated_at"]) ?? job.createdAt
        job.finishedAt = time(fields["finished_at"])
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
