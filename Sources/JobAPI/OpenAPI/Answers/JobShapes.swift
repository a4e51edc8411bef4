internal import JobModel

// Jobs, their attempts and events.
extension AnswerShape {
    /// What a 202 has, whoever asks; `status` in the words of the route.
    static func receipt(_ statuses: Value, status: JSONValue = "queued", message: JSONValue = "Job queued for processing") -> [Member] {
        [
            .init("job_id", .id, "The job."), .init("kind", .text, eg: "web_crawl", "What it does."),
            .init("status", statuses, eg: status, "Where it stands."), .init("message", .text, eg: message, "The same for people."),
            .init("created_at", .time, "When it was accepted."), .init("status_url", .path, "Its document."),
            .init("track_url", .path, "The same as `status_url`."),
            .init("events_url", .path, eg: .string("/jobs/\(exampleID)/events"), "Its events, live."),
            .init("estimated_time", .text, eg: "2-5 minutes", "How long such a job takes, for people."),
            .init("estimated_seconds", .whole, eg: 200, "The same for programs."),
        ] + outlook(eg: 1)
    }

    /// While it is queued.
    static func outlook(eg position: JSONValue? = nil) -> [Member] {
        [
            .maybe("queue_position", .whole, eg: position, "How many come before it, and one."),
            .maybe("queue_position_estimated", .boolean, "The position was told by the times of entries."),
            .maybe(
                "estimated_start_at", .time, eg: position == nil ? nil : "2026-11-21T08:49:31.000Z",
                "When it probably begins; a scheduled job's time."),
        ]
    }

    static let receiptOfJob: [Member] = receipt(states)

    fileprivate static let shortJob: [Member] =
        [
            .init("job_id", .id, "The job."), .init("kind", .text, eg: "web_crawl", "What it does."),
            .init("status", states, eg: "processing", "Where it stands."), .init("queue", .text, eg: "ingest", "Where it waits."),
            .init("priority", priorities, eg: "medium", "Its order in the queue."),
            .init("progress", .number, eg: 40, "0 to 100."), .init("attempt", .whole, eg: 1, "Attempts so far."),
            .init("max_attempts", .whole, eg: 3, "Attempts before it fails for good."),
            .init("created_at", .time, "When it was accepted."), .init("updated_at", .time, "When something last happened."),
            .init("cancel_requested", .boolean, "Somebody asked it to stop."),
            .init("metadata", .object, eg: ["team": "x"], "What its submitter wants back."),
            .init("elapsed_seconds", .number, eg: 12.3, "How long it has been running, or ran."),
        ] + texts + times + ends

    private static let texts: [Member] = [
        .maybe("step", .text, eg: "fetch", "What it is doing."), .maybe("message", .text, eg: "page 4 of 10", "The same for people."),
        .maybe("title", .text, "A name for people."), .maybe("description", .text, "A text for people."),
        .maybe("subject", .text, "What it is about."), .maybe("session_id", .text, "The session it belongs to."),
        .maybe("submitted_by", .text, "Id of the API key it was submitted with."),
        .maybe("worker", .text, "Who runs it."), .maybe("concurrency_key", .text, "Whose turn it takes."),
        .maybe("backoff", .shape("Backoff"), "Pauses before its retries, where they are its own."),
        .maybe("unique", .shape("Uniqueness"), "The key that it holds alone."),
        .maybe("flow", .shape("PlaceInFlow"), "Its place among jobs that depend on each other."),
        .maybe("tags", .list(.text), "Words to find it by."),
        .maybe("unreadable", .list(.text), "Parts of its row that this version cannot read."),
    ]

    private static let times: [Member] = [
        .maybe("scheduled_at", .time, "Not before this time."), .maybe("started_at", .time, "When its attempt started."),
        .maybe("completed_at", .time, "When it completed."), .maybe("failed_at", .time, "When it failed."),
        .maybe("cancelled_at", .time, "When it was cancelled."),
        .maybe("remaining_seconds", .number, eg: 48.5, "An estimate, until it has ended."),
    ]

    private static let ends: [Member] = [
        .maybe("error", .text, "Why it failed, or was cancelled."), .maybe("error_type", .text, "The same in one word."),
    ]

    private static let wholeOnDemand: [Member] = [
        .maybe("input", .anything, "Its input; with `fields=input`."), .maybe("result", .anything, "Its result; with `fields=result`."),
        .maybe("events", .list(.shape("JobEvent")), "What happened; with `fields=events`."),
    ]

    static let jobs: [AnswerShape] = [
        AnswerShape("JobReceipt", "A job that was accepted, and how to follow it.", receiptOfJob),
        AnswerShape(
            "Job", "Where a job stands.",
            shortJob + outlook() + [
                .init("events", .list(.shape("JobEvent")), "What happened so far; empty while Redis does not answer."),
                .maybe("result", .anything, "What it returned, once it is completed."),
            ]),
        AnswerShape("ListedJob", "A job as lists show it.", shortJob + wholeOnDemand),
        AnswerShape(
            "JobList", "A page of jobs, newest first.",
            [.init("jobs", .list(.shape("ListedJob")), "The jobs."), count, nextCursor]),
        AnswerShape(
            "JobEvent", "One thing that happened to a job; members depend on the event.", isOpen: true,
            [
                .maybe("seq", .whole, eg: 4, "Its number: those of a job have no gaps."),
                .init("event", .words(JobEvent.Name.allCases.map(\.rawValue)), eg: "progress", "What happened."),
                .init("timestamp", .time, "When."),
                .maybe("progress", .number, eg: 40, "0 to 100."), .maybe("step", .text, eg: "fetch", "What it is doing."),
                .maybe("message", .text, eg: "page 4 of 10", "The same for people."),
            ]),
        AnswerShape(
            "Backoff", "Pauses before retries: the first, doubled up to the cap.",
            [.init("base_seconds", .number, eg: 5, "The first pause."), .init("cap_seconds", .number, eg: 300, "The longest one.")]),
        AnswerShape(
            "Uniqueness", "At most one job of a key.",
            [
                .init("key", .text, eg: "nightly", "Unique within the kind."),
                .maybe("while", .words(["queued", "active"]), eg: "active", "Until it starts, or until it has ended."),
                .maybe("window_seconds", .number, "So long after its submission."),
            ]),
        AnswerShape(
            "PlaceInFlow", "Where a job stands in its flow.",
            [
                .init("flow_id", .id, "The flow."), .init("name", .text, eg: "left", "Its name there."),
                .init("status_url", .path, eg: .string("/flows/\(exampleID)"), "The flow's document."),
                .init("depends_on", .list(.id), "Jobs that must end first."),
                .init("on_parent_failure", .words(FlowPlace.ParentFailure.allCases.map(\.rawValue)), "What a parent's failure means."),
            ]),
        AnswerShape(
            "JobAttempt", "One run of a job.",
            [
                .init("attempt", .whole, "Its number, from 1 on."), .maybe("worker", .text, eg: "w-3f9a", "Who ran it."),
                .maybe("started_at", .time, eg: .string(exampleTime), "When it started."),
                .maybe("ended_at", .time, eg: "2026-11-21T08:49:41.151Z", "When it ended."),
                .maybe("seconds", .number, eg: 12.3, "How long it took."),
                .maybe(
                    "outcome", .text, eg: "completed",
                    "`completed` `failed` `cancelled` `retry` `handed_back` `crashed`; none while it runs."),
                .maybe("error", .text, "Why it ended so."), .maybe("error_type", .text, "The same in one word."),
            ]),
        AnswerShape(
            "JobAttempts", "Every attempt at a job that is known, oldest first.",
            [
                .init("job_id", .id, "The job."), .init("attempts", .list(.shape("JobAttempt")), "Its attempts."),
                .init("complete", .boolean, eg: true, "False where older attempts are not known any more."),
            ]),
        AnswerShape(
            "JobLog", "The numbered events of a job that are kept.",
            [
                .init("job_id", .id, "The job."), .init("events", .list(.shape("JobEvent")), "Its events, results included."),
                .init("complete", .boolean, eg: true, "False when older ones were trimmed, or went with Redis."),
            ]),
        AnswerShape("JobResult", "What a job returned: members depend on its kind (docs/kinds.md).", isOpen: true, []),
        AnswerShape(
            "BatchReceipt", "What became of each job of a batch.",
            [
                .init("accepted", .whole, "How many were accepted."), .init("refused", .whole, eg: 0, "How many were not."),
                .init("items", .list(.shape("BatchItem")), "One for each job, in their order."),
            ]),
        AnswerShape(
            "BatchItem", "What `POST /jobs` would have answered.",
            [
                .init("index", .whole, eg: 0, "Its place in the batch."), .init("status", .whole, eg: 202, "The HTTP status."),
                .maybe("job_id", .id, eg: .string(exampleID), "The job, where it was accepted."),
                .maybe("job_status", states, eg: "queued", "Where it stands."),
                .maybe("idempotency_replayed", .boolean, "Its key was used before: this is the first job."),
                .maybe("unique_replayed", .boolean, "Another job holds its unique key: this is that job."),
                .maybe("problem", .shape("Problem"), "Why it was refused."),
            ]),
        AnswerShape(
            "DeadLetter", "A job that failed for good.",
            shortJob + wholeOnDemand + [.init("attempts", .list(.shape("JobAttempt")), "Its last ten attempts.")]),
        AnswerShape(
            "DeadLetterList", "A page of dead letters; those that failed last come first.",
            [.init("dead_letters", .list(.shape("DeadLetter")), "The jobs."), count, nextCursor]),
        AnswerShape(
            "DeadLetterCount", "How many dead letters match; nothing was changed.",
            [
                .init("matching", .whole, eg: 12, "How many."),
                .init("send", .object, eg: ["kind": "web_crawl", "count": 12], "The body that retries them."),
                .init(
                    "message", .text, eg: "12 dead letters match. Nothing was changed; send `send` to retry them.", "The same for people."),
            ]),
        AnswerShape(
            "DeadLettersRetried", "What was queued again.",
            [.init("retried", .whole, eg: 12, "How many."), .init("remaining", .whole, eg: 0, "How many are left for another call.")]),
    ]
}
