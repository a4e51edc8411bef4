internal import JobDesk
internal import JobModel

/// Jobs in the words of those who use models: `type`, `input_data`, `pending` and `running`. The one table of these words.
enum ModelJobWords {
    /// Where these jobs wait: what is started and stopped as the queue's processor.
    static let queue = "models"

    static let statuses = ["pending", "running", "completed", "failed", "cancelled"]

    static func status(_ state: JobState) -> String {
        switch state {
        case .waiting, .scheduled, .queued: "pending"
        case .processing: "running"
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }

    static func states(_ statuses: Set<String>) -> Set<JobState> {
        Set(JobState.allCases.filter { statuses.contains(status($0)) })
    }

    static func path(_ id: JobID) -> String { "/api/jobs/\(id)" }

    /// Everything but its input and its result, which may be large.
    static func short(_ job: Job, _ durations: Durations) -> [String: JSONValue] {
        let shown = JobDocument.short(job, durations: durations)
        var progress: [String: JSONValue] = ["percent": .number(job.progress), "elapsed_seconds": shown["elapsed_seconds"] ?? 0]
        for name in ["step", "message", "remaining_seconds"] { progress[name] = shown[name] }
        var document: [String: JSONValue] = [
            "id": .string(job.id.description), "job_id": .string(job.id.description), "type": .string(job.kind),
            "status": .string(status(job.state)), "title": .string(job.title ?? job.kind),
            "description": job.description.map(JSONValue.string) ?? .null,
            "error_message": job.state == .failed ? job.error.map(JSONValue.string) ?? .null : .null, "progress": .object(progress),
            "created_at": .string(job.createdAt.description), "started_at": job.startedAt.map { .string($0.description) } ?? .null,
            "completed_at": job.state.isTerminal ? job.finishedAt.map { .string($0.description) } ?? .null : .null,
            "status_url": .string(path(job.id)), "events_url": .string("/jobs/\(job.id)/events"),
        ]
        document["session_id"] = job.sessionID.map(JSONValue.string)
        if job.state == .failed, let message = job.error {
            document["error"] = ["message": .string(message), "type": .string(job.errorType ?? "")]
        }
        if job.state == .cancelled { document["cancelled_at"] = document["completed_at"] }
        return document
    }

    static func whole(_ job: Job, _ durations: Durations, _ outlook: Outlook?) -> JSONValue {
        var document = short(job, durations)
        document["input_data"] = job.input
        document["result_data"] = job.state == .completed ? job.result ?? [:] : .null
        add(outlook, to: &document)
        return .object(document)
    }

    /// What a submission is answered with: these words, and what every other 202 has.
    static func receipt(_ job: Job, _ outlook: Outlook?) -> JSONValue {
        var receipt = SubmitJob.receipt(job, outlook).object ?? [:]
        receipt["id"] = .string(job.id.description)
        receipt["type"] = .string(job.kind)
        receipt["status"] = .string(status(job.state))
        receipt["title"] = .string(job.title ?? job.kind)
        receipt["status_url"] = .string(path(job.id))
        add(outlook, to: &receipt)
        return .object(receipt)
    }

    static func add(_ outlook: Outlook?, to document: inout [String: JSONValue]) {
        JobDocument.add(outlook, to: &document)
        document["queuePosition"] = document["queue_position"]
    }
}
