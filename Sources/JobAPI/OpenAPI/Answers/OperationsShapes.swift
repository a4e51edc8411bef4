internal import JobModel

// What operators ask: the audit log and the state of every part.
extension AnswerShape {
    private static let conditions = Value.words(["healthy", "degraded", "unhealthy"])

    static let operations: [AnswerShape] = [
        AnswerShape(
            "AuditEntry", "One change that somebody made.",
            [
                .init("id", .id, "The entry."), .init("at", .time, "When."),
                .init("actor", .words(JobModel.AuditEntry.Actor.allCases.map(\.rawValue)), "Who, in one word."),
                .init("action", .text, eg: "job.cancel", "What."), .init("target", .text, eg: .string(exampleID), "Which one."),
                .init("detail", .anything, eg: [:], "What else there is to say."),
                .init(
                    "outcome", .words(JobModel.AuditEntry.Outcome.allCases.map(\.rawValue) + ["open"]),
                    "`refused`: nothing was changed; `failed`: it may have been; `open`: nobody wrote down how it went."),
                .maybe("key_id", .text, eg: "k1a2b3", "The key."), .maybe("name", .text, eg: "ada", "Its name, or the user's."),
                .maybe("address", .text, eg: "10.0.0.7", "The other end of the connection."),
                .maybe("request_id", .text, eg: "7a1d6c4e0b", "The `X-Request-ID`."), .maybe("problem", .text, "The problem's type."),
                .maybe("ended_at", .time, "When it was answered."), .maybe("status", .whole, eg: 200, "The HTTP status."),
            ]),
        AnswerShape(
            "AuditLog", "A page of the audit log, newest first.",
            [.init("entries", .list(.shape("AuditEntry")), "The entries."), nextCursor]),
        AnswerShape(
            "Health", "The state of every part.",
            [
                .init("status", conditions, "Degraded: something is served by nobody. Unhealthy: Redis or PostgreSQL is away."),
                .init("version", .text, eg: "0.1.0", "Of the program."),
                .maybe("timestamp", .time, eg: .string(exampleTime), "When it was asked."),
                .maybe("message", .text, "Why there is nothing more."), .init("components", .shape("HealthComponents"), "Its parts."),
                .maybe("queues", .list(.shape("HealthQueue")), eg: [], "What waits and runs in each queue."),
                .maybe("duties", .list(.shape("WorkerDuties")), eg: [], "The periodic duties of each worker."),
            ]),
        AnswerShape(
            "HealthComponents", "The parts; empty while the stores do not answer.",
            [
                .maybe("redis", .shape("StoreHealth"), eg: ["status": "healthy", "milliseconds": 0.4], "Redis."),
                .maybe("postgres", .shape("StoreHealth"), eg: ["status": "healthy", "milliseconds": 0.9], "PostgreSQL."),
                .maybe("workers", .shape("WorkersHealth"), "The workers."), .maybe("jobQueue", .shape("JobQueueHealth"), "The queues."),
                .maybe("duties", .shape("DutiesHealth"), "Periodic duties."), .maybe("models", .shape("ModelsHealth"), "Model servers."),
            ]),
        AnswerShape(
            "StoreHealth", "A store.",
            [
                .init("status", conditions, "Whether it answers."), .maybe("milliseconds", .number, eg: 0.4, "How long it took."),
                .maybe("message", .text, "Why it does not."),
            ]),
        AnswerShape(
            "WorkersHealth", "The workers.",
            [
                .init("status", conditions, "Unhealthy: none lives."), .init("alive", .whole, "How many live."),
                .init("away", .whole, "How many do not."),
            ]),
        AnswerShape(
            "JobQueueHealth", "The queues.", [.init("statistics", .shape("ModelJobStatistics"), "All queues together.")]),
        AnswerShape(
            "DutiesHealth", "Periodic duties.",
            [
                .init("status", conditions, "Degraded: nobody leads, or a duty's last run failed."),
                .init("leader", .orNull(.text), eg: "w-3f9a", "The worker that leads."),
                .init("failing", .list(.object), eg: [], "Duties whose last run failed: worker, name, error."),
            ]),
        AnswerShape(
            "ModelsHealth", "Model servers, as workers see them.",
            [
                .init("status", .words(["healthy", "degraded", "unhealthy", "unknown"]), "Unhealthy: none answers."),
                .init(
                    "servers", .list(.object), eg: [["name": "ollama", "kind": "ollama", "permits": 2, "status": "healthy"]],
                    "Each of them."),
            ]),
        AnswerShape(
            "HealthQueue", "What waits and runs in a queue.",
            [.init("queue", .text, eg: "ingest", "The queue.")]
                + ["waiting", "running", "completed", "failed"].map { Member($0, .whole, "How many; ends since Redis began.") }),
        AnswerShape(
            "WorkerDuties", "The periodic duties of a worker.",
            [
                .init("worker", .text, eg: "w-3f9a", "The worker."), .init("leader", .boolean, eg: true, "It leads."),
                .init("duties", .list(.shape("Duty")), "Its duties."),
            ]),
        AnswerShape(
            "Duty", "Something that is done again and again.",
            [
                .init("name", .text, eg: "reap", "Its name."), .init("interval_ms", .whole, eg: 500, "How often."),
                .init("leader_only", .boolean, "Only the leader does it."), .init("runs", .whole, eg: 120, "How often it ran."),
                .init("failures", .whole, eg: 0, "How often it failed."),
                .init("milliseconds", .whole, eg: 2, "How long the last run took."),
                .maybe("last_run", .time, eg: .string(exampleTime), "When."), .maybe("last_success", .time, "When it last went well."),
                .maybe("error", .text, "Why the last run failed."),
            ]),
        AnswerShape("Alive", "The process answers.", [.init("status", .words(["alive"]), "Always this.")]),
        AnswerShape("Ready", "Requests can be served.", [.init("status", .words(["ready"]), "Always this.")]),
        AnswerShape(
            "OpenAPI", "An OpenAPI 3.1 document: this one.", isOpen: true,
            [.init("openapi", .text, eg: "3.1.1", "The version of the format.")]),
    ]
}
