internal import JobModel

// Queues, limits, workers, kinds and files.
extension AnswerShape {
    static let queues: [AnswerShape] = [
        AnswerShape(
            "PausedQueue", "Whether a queue is paused.",
            [
                .init("queue", .text, eg: "ingest", "The queue."), .init("paused", .boolean, eg: true, "Whether it starts no jobs."),
                .maybe("paused_at", .time, eg: .string(exampleTime), "Since when."), .maybe("paused_by", .text, eg: "ada", "By whom."),
                .maybe("waiting", .whole, eg: 4, "Jobs that wait."), .maybe("running", .whole, eg: 2, "Jobs that run."),
            ]),
        AnswerShape(
            "Limit", "What may run at once, or start in a time.",
            [
                .init("scope", .words(["queue", "kind", "key"]), eg: "kind", "What is limited."),
                .init("name", .text, eg: "web_crawl", "Which one."), .maybe("concurrency", .whole, eg: 4, "Jobs at once."),
                .maybe("rate", .shape("Rate"), "Starts in a time."), .maybe("weight", .whole, "A key's share of the turns."),
            ]),
        AnswerShape(
            "Rate", "Starts in a time.",
            [
                .init("count", .whole, eg: 10, "So many starts."), .init("per_seconds", .number, eg: 60, "In so many seconds."),
                .init("burst", .whole, eg: 10, "At once after a pause."),
            ]),
        AnswerShape("LimitList", "Every limit, as it was set.", [.init("limits", .list(.shape("Limit")), "The limits.")]),
        AnswerShape(
            "Kind", "What jobs of a kind do, and what they take.",
            [
                .init("kind", .text, eg: "web_crawl", "Its name."), .init("summary", .text, eg: "crawls a site", "What it does."),
                .init("queue", .text, eg: "ingest", "Where its jobs wait."),
                .init("recorded", .boolean, eg: true, "Its jobs are in PostgreSQL from acceptance on."),
                .init("max_attempts", .whole, eg: 3, "Attempts before a job fails for good."),
                .init("timeout_seconds", .number, eg: 3600, "Seconds an attempt may take."),
                .init("estimated_seconds", .number, eg: 200, "What to expect before there is a history."),
                .init("backoff", .shape("Backoff"), "Pauses before retries."),
                .init("input_schema", .object, eg: ["type": "object"], "JSON Schema (2020-12) of its input."),
                .init("registered", .boolean, "Other programs run its jobs."),
            ]),
        AnswerShape("KindList", "Every kind.", [.init("kinds", .list(.shape("Kind")), "The kinds.")]),
        AnswerShape("Queue", "How a queue stands.", queue),
        AnswerShape("QueueList", "Every queue.", [.init("queues", .list(.shape("Queue")), "The queues.")]),
        AnswerShape(
            "Scaling", "Plain numbers for autoscalers.",
            [.init("queue", .text, eg: "ingest", "The queue."), .init("paused", .boolean, "Whether it starts no jobs.")]
                + [
                    ("waiting", "No worker has taken it."), ("due", "Scheduled for a moment that has come."), ("running", "Being done."),
                    ("parked", "Behind a limit."), ("backlog", "waiting + due + running."), ("workers", "Live ones that take from it."),
                    ("slots", "Their slots."), ("desired", "How many workers it wants."),
                ].map { Member($0.0, .whole, eg: 4, $0.1) }
                + [
                    .init("oldest_age_seconds", .number, eg: 3.2, "Of what waits."),
                    .init("mean_seconds", .number, eg: 41.5, "How long its jobs take."),
                ]),
        AnswerShape(
            "Worker", "A worker that is known.",
            [
                .init("name", .text, eg: "w-3f9a", "A new one at every start."), .init("host", .text, eg: "node-7", "Its machine."),
                .init("pid", .whole, eg: 4711, "Its process."), .init("version", .text, eg: "0.1.0", "Of the program."),
                .init("queues", .list(.text), eg: ["ingest"], "What it takes from."),
                .init("slots", .whole, eg: 4, "Jobs that it runs at once."), .init("running", .whole, eg: 2, "Jobs that it runs now."),
                .init(
                    "status", .words(["alive", "stalled", "silent", "dead"]),
                    "`stalled`: it beats, has free slots and claims nothing; `silent`: no beat for 10 s; `dead`: its jobs run elsewhere."),
                .init("type", .words(["process", "http"]), "A process of this program, or one that asks over HTTP."),
                .init("draining", .boolean, "It takes no more jobs, and leaves."),
                .init("started_at", .orNull(.time), "When it started."),
            ]),
        AnswerShape(
            "Workers", "Every worker that is known.",
            [
                .init("status", .words(["healthy", "unhealthy"]), "Unhealthy: none lives."), .init("alive", .whole, "How many live."),
                .init("slots", .whole, eg: 4, "Their slots."), .init("running", .whole, eg: 2, "Jobs that run."),
                .init("workers", .list(.shape("Worker")), "The workers."),
            ]),
        AnswerShape(
            "Upload", "A file that was kept.",
            [
                .init("upload_id", .id, "The file."),
                .init("uri", .text, eg: .string("upload:\(exampleID)"), "The `source_uri` of a document job."),
                .init("name", .text, eg: "report.pdf", "As it was given."),
                .init("content_type", .text, eg: "application/pdf", "As it was given."),
                .init("bytes", .whole, eg: 48211, "Its size."),
                .init(
                    "sha256", .text, eg: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "Of its bytes, in hexadecimal."
                ),
            ]),
    ]

    private static let queue: [Member] =
        [
            .init("queue", .text, eg: "ingest", "Its name."), .init("paused", .boolean, "Whether it starts no jobs."),
            .init("waiting_by_priority", .map(.whole), eg: ["urgent": 0, "high": 0, "medium": 4, "low": 0], "No worker has taken it."),
            .init("scheduled_estimated", .boolean, "A sample told whose the scheduled jobs are."),
            .init("oldest_age_seconds", .number, eg: 3.2, "Of what waits."),
        ]
        + [
            ("waiting", "No worker has taken it."), ("pending", "Another word for waiting."),
            ("suspects", "Of these, jobs whose worker died."),
            ("running", "Being done."), ("due", "Scheduled for a moment that has come."), ("scheduled", "Later."),
            ("parked", "Behind a limit."), ("accepted", "Since Redis began."), ("completed", "Since Redis began."),
            ("failed", "Since Redis began."), ("cancelled", "Since Redis began."), ("retried", "Since Redis began."),
            ("reclaimed", "From workers that died, since Redis began."),
        ].map { Member($0.0, .whole, eg: 4, $0.1) }
}
