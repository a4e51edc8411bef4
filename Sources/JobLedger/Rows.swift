internal import JobModel
internal import Logging
internal import PostgresWire

/// Between rows and the vocabulary.
extension PostgresRow {
    func jobID(_ column: String) throws(PostgresError) -> JobID {
        guard let id = JobID(try string(column)) else {
            throw PostgresError(.decoding, "Column \(column) does not hold an id of our making")
        }
        return id
    }

    func time(_ column: String) throws(PostgresError) -> Timestamp? {
        try optionalInt(column).map { Timestamp(milliseconds: $0) }
    }

    func json(_ column: String) throws(PostgresError) -> JSONValue? {
        guard let text = try optionalString(column) else { return nil }
        do { return try JSONReader.read(text, depth: 128) } catch {
            throw PostgresError(.decoding, "Column \(column) does not hold JSON that can be read: \(error.reason)")
        }
    }

    func job() throws(PostgresError) -> Job {
        guard let state = JobState(rawValue: try string("status")), let priority = JobPriority(rawValue: try string("priority")) else {
            throw PostgresError(.decoding, "A job's status or priority is unknown to this version")
        }
        var job = Job(
            id: try jobID("id"), kind: try string("kind"), queue: try string("queue"), priority: priority, state: state,
            input: try json("input") ?? .null, metadata: try json("metadata") ?? [:], isRecorded: true,
            maxAttempts: Int(try int("max_attempts")), timeoutMilliseconds: try int("timeout_ms"),
            estimatedMilliseconds: try int("estimated_ms"), createdAt: try time("created_ms") ?? .now)
        try readTexts(into: &job)
        try readOptions(into: &job)
        job.progress = try double("progress")
        job.result = try json("result")
        try readAttempt(into: &job)
        try readTimes(into: &job)
        return job
    }

    /// The same for a list, which one row that others wrote must not stop: what cannot be read of it is left out and named in `unreadable`.
    /// Nil, and a line in the log, where the id, the status or the priority is none.
    func listedJob(_ logger: Logger) -> Job? {
        do {
            var (job, unreadable) = try lenientJob()
            for (name, read) in PostgresRow.parts {
                do { try read(self, &job) } catch { unreadable.append(name) }
            }
            job.unreadable = unreadable.sorted()
            return job
        } catch {
            logger.error("A job's row cannot be listed", metadata: ["job_id": "\((try? string("id")) ?? "")", "error": "\(error)"])
            return nil
        }
    }

    private func lenientJob() throws(PostgresError) -> (Job, unreadable: [String]) {
        var unreadable: [String] = []
        func content(_ name: String, else standard: JSONValue) -> JSONValue {
            do { return try json(name) ?? standard } catch {
                unreadable.append(name)
                return standard
            }
        }
        guard let state = JobState(rawValue: try string("status")), let priority = JobPriority(rawValue: try string("priority")) else {
            throw PostgresError(.decoding, "A job's status or priority is unknown to this version")
        }
        let job = Job(
            id: try jobID("id"), kind: try string("kind"), queue: try string("queue"), priority: priority, state: state,
            input: content("input", else: [:]), metadata: content("metadata", else: [:]), isRecorded: true,
            maxAttempts: Int(try int("max_attempts")), timeoutMilliseconds: try int("timeout_ms"),
            estimatedMilliseconds: try int("estimated_ms"), createdAt: try time("created_ms") ?? Timestamp(milliseconds: 0))
        return (job, unreadable)
    }

    /// What a row has beside what every job needs, by the name that `unreadable` gives it.
    private static let parts: [(String, @Sendable (PostgresRow, inout Job) throws(PostgresError) -> Void)] = [
        ("texts", { (row, job) throws(PostgresError) in try row.readTexts(into: &job) }),
        ("options", { (row, job) throws(PostgresError) in try row.readOptions(into: &job) }),
        ("progress", { (row, job) throws(PostgresError) in job.progress = try row.double("progress") }),
        ("result", { (row, job) throws(PostgresError) in job.result = try row.json("result") }),
        ("attempt", { (row, job) throws(PostgresError) in try row.readAttempt(into: &job) }),
        ("times", { (row, job) throws(PostgresError) in try row.readTimes(into: &job) }),
    ]

    private func readAttempt(into job: inout Job) throws(PostgresError) {
        job.attempt = Int(try int("attempt"))
        job.uncharged = Int(try int("uncharged"))
    }

    private func readTimes(into job: inout Job) throws(PostgresError) {
        job.scheduledAt = try time("scheduled_ms")
        job.startedAt = try time("started_ms")
        job.updatedAt = try time("updated_ms") ?? job.createdAt
        job.finishedAt = try time("finished_ms")
    }

    private func readOptions(into job: inout Job) throws(PostgresError) {
        job.description = try optionalString("description")
        job.concurrencyKey = try optionalString("concurrency_key")
        if let base = try optionalInt("retry_base_ms"), let cap = try optionalInt("retry_cap_ms") {
            job.backoff = Backoff(baseMilliseconds: base, capMilliseconds: cap)
        }
        if let key = try optionalString("unique_key"), let word = try optionalString("unique_span"),
            let span = Uniqueness.Span(word: word, milliseconds: try optionalInt("unique_ms"))
        {
            job.uniqueness = Uniqueness(key: key, span: span)
        }
        guard let flow = try optionalString("flow_id").flatMap(JobID.init) else { return }
        job.flow = FlowPlace(
            flow: flow, name: try optionalString("flow_name") ?? "",
            parents: try strings("depends_on").compactMap { $0.flatMap(JobID.init) },
            onParentFailure: try optionalString("on_parent_failure").flatMap(FlowPlace.ParentFailure.init) ?? .cancel)
    }

    private func readTexts(into job: inout Job) throws(PostgresError) {
        job.title = try optionalString("title")
        job.subject = try optionalString("subject")
        job.sessionID = try optionalString("session_id")
        job.tags = try strings("tags").compactMap(\.self)
        job.error = try optionalString("error")
        job.errorType = try optionalString("error_type")
        job.step = try optionalString("step")
        job.message = try optionalString("message")
        job.worker = try optionalString("worker")
        job.traceparent = try optionalString("traceparent")
        job.submittedBy = try optionalString("submitted_by")
    }
}

/// Text from outside without U+0000, which PostgreSQL cannot store: losing it is better than losing the job's end.
func storable(_ text: String?) -> String? {
    guard let text, text.utf8.contains(0) else { return text }
    return String(decoding: text.utf8.filter { $0 != 0 }, as: UTF8.self)
}
