internal import JobModel

/// Tools for jobs that were submitted: where they stand, what they returned, and what can be done about them.
enum JobTools {
    static let tools = [status, progress, result, list, cancel, retry]

    private static let id = InputShape.Field("job_id", .text(maxLength: 100), required: true, "the job's id, as the submission answered it")
    private static let aliases = ["id": "job_id", "task_id": "job_id"]

    private static let status = Tool(
        name: "get_job_status", title: "Status of a job",
        description: "Everything that is known of a job but its result: status, progress, attempts, times, error and latest events. "
            + "For a short word on how far it is use get_job_progress; for what it returned, get_job_result.",
        input: ArgumentShape([id], aliases: aliases), output: JobView.schema, nature: .look
    ) { call throws(ToolFault) in
        let job = try await call.job(call.text("job_id") ?? "")
        var content = job.content
        if let result = job.document["result"], result.bytes.count <= ResultText.maxStructureBytes { content["result"] = result }
        return ToolAnswer(job.progressText, content)
    }

    private static let progress = Tool(
        name: "get_job_progress", title: "Progress of a job",
        description: "How far a job is, how long it has taken, and how long it probably still takes. Ask every few seconds, or give "
            + "wait_seconds to be answered when the job has ended.",
        input: ArgumentShape([id, WaitField.field], aliases: aliases), output: JobView.schema, nature: .look
    ) { call throws(ToolFault) in
        let job = try await call.waited(call.text("job_id") ?? "")
        return ToolAnswer(job.progressText, job.content)
    }

    private static let result = Tool(
        name: "get_job_result", title: "Result of a job",
        description:
            "What a job returned, once it is completed; why not, when it failed. Of a job that has not ended it tells the progress: "
            + "give wait_seconds (up to \(WaitField.longest)) to wait for it.",
        input: ArgumentShape([id, WaitField.field], aliases: aliases), output: ResultText.schema, nature: .look
    ) { call throws(ToolFault) in
        ResultText.answer(try await call.waited(call.text("job_id") ?? ""))
    }

    private static let cancel = Tool(
        name: "cancel_job", title: "Cancel a job",
        description: "Stop a job that is waiting or running; one that runs is told within a second. A job that has ended stays as it is.",
        input: ArgumentShape([id], aliases: aliases), output: JobView.schema, nature: .change(destroys: true, repeats: true)
    ) { call throws(ToolFault) in
        let id = call.text("job_id") ?? ""
        let job = JobView(document: try await call.ask(DoorRequest("POST", "jobs", id, "cancel")).body)
        guard job.state == "cancelled" else {
            let text =
                "Cancellation requested\nJob ID: \(id)\nStatus: \(job.word)\n\nIts worker is being told. Next: get_job_progress(job_id=\"\(id)\")"
            return ToolAnswer(text + " shows when it has stopped.", job.content)
        }
        let at = job.document["cancelled_at"]?.string ?? ""
        return ToolAnswer("Job Cancelled\nJob ID: \(id)\nStatus: cancelled\nCancelled at: \(at)\n\n\(job.next)", job.content)
    }

    private static let retry = Tool(
        name: "retry_job", title: "Retry a job",
        description: "Queue a job that failed or was cancelled again, with a new series of attempts; steps that were finished are kept.",
        input: ArgumentShape([id], aliases: aliases), output: JobView.schema, nature: .change(destroys: false, repeats: true)
    ) { call throws(ToolFault) in
        let job = JobView(document: try await call.ask(DoorRequest("POST", "jobs", call.text("job_id") ?? "", "retry")).body)
        return ToolAnswer("Job queued again\nJob ID: \(job.id)\nStatus: \(job.word)\n\n\(job.next)", job.content)
    }

    private static let list = Tool(
        name: "list_jobs", title: "List jobs",
        description:
            "How the job queue stands, and its jobs, newest first. Filter by status (pending, running, completed, failed, cancelled), "
            + "kind, queue, subject, session_id, tag, or words to search for (query).",
        input: ArgumentShape(
            [
                .init("status", .choice(JobView.words), "only jobs of this status"),
                .init("kind", .text(maxLength: 100), "only jobs of this kind"),
                .init("queue", .text(maxLength: 100), "only jobs of this queue"),
                .init("subject", .text(maxLength: 200), "only jobs about this"),
                .init("session_id", .text(maxLength: 200), "only jobs of this session"),
                .init("tag", .text(maxLength: 100), "only jobs with this tag"),
                .init("query", .text(maxLength: 500), "words that the job must have in its title, input, result or error"),
                .init("limit", .integer(1...200), standard: 20, "how many"),
                .init("cursor", .text(maxLength: 500), "next_cursor of the page before"),
            ], aliases: ["q": "query", "search": "query", "job_type": "kind", "type": "kind"]),
        output: listSchema, nature: .look, run: listJobs)

    private static let listSchema: JSONValue = [
        "type": "object", "required": ["jobs", "count"],
        "properties": [
            "jobs": ["type": "array", "items": JobView.schema], "count": ["type": "integer"], "next_cursor": ["type": ["string", "null"]],
            "statistics": ["type": "object"],
        ],
    ]

    @Sendable private static func listJobs(_ call: ToolCall) async throws(ToolFault) -> ToolAnswer {
        let states = call.text("status").map { JobView.states($0).joined(separator: ",") }
        let page = try await call.get(
            "jobs",
            query: [
                ("status", states), ("kind", call.text("kind")), ("queue", call.text("queue")), ("subject", call.text("subject")),
                ("session", call.text("session_id")), ("tag", call.text("tag")), ("q", call.text("query")),
                ("limit", String(call.arguments["limit"]?.integer ?? 20)), ("cursor", call.text("cursor")),
            ])
        let statistics = try await call.statistics()
        let jobs = (page["jobs"]?.array ?? []).map { JobView(document: $0) }
        var lines = ["Job Queue Status", "", "Statistics"] + MonitorTools.lines(statistics) + ["", "Jobs"]
        lines += jobs.isEmpty ? ["No job fits."] : jobs.map(\.line)
        let cursor = page["next_cursor"]?.string
        lines += [
            "", cursor.map { "Next: list_jobs(cursor=\"\($0)\") shows more." } ?? "Next: get_job_status(job_id=\"…\") tells more of one.",
        ]
        return ToolAnswer(
            lines.joined(separator: "\n"),
            [
                "jobs": .array(jobs.map { .object($0.content) }), "count": .integer(Int64(jobs.count)), "statistics": statistics,
                "next_cursor": cursor.map(JSONValue.string) ?? .null,
            ])
    }
}
