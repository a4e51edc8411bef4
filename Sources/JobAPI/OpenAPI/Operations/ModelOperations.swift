internal import JobModel

// Conversations, kept answers, feedback, and jobs that ask models.
extension Operation {
    private static let prefix = Parameter.text("prefix", "Ids that begin with it.", most: ConversationTurn.maxSessionBytes)
    private static let changedBefore = Parameter.time("changed_before", "Nothing was said since.")

    static let conversations: [Operation] = [
        Operation(
            "GET /conversations", "listConversations", .conversations, "Last changed first.",
            query: [prefix, changedBefore, .limit(1...500, 100), .cursor], [.ok("ConversationList", "A page.")]),
        Operation(
            "DELETE /conversations", "deleteConversations", .conversations,
            "Say which: `prefix`, `changed_before` or both; or `all=true` alone. At most 10,000 at once.",
            query: [prefix, changedBefore, .words("all", ["true"], "Every one.")], [.ok("ConversationsDeleted", "What was deleted.")]),
        Operation(
            "GET /conversations/{session_id}", "readConversation", .conversations,
            "Oldest first. A page ends early when its texts are larger than 4 MiB.",
            query: [
                .limit(1...500, 100),
                Parameter("cursor", .query, ["type": "integer", "minimum": 0], "`next_cursor` of the page before."),
            ],
            [.ok("ConversationText", "A page of it.")], problems: ["unknown-conversation"]),
        Operation(
            "DELETE /conversations/{session_id}", "deleteConversation", .conversations,
            "What a job that is still running says begins it anew.", [.ok("ConversationDeleted", "It is gone.")],
            problems: ["unknown-conversation"]),
    ]

    private static let kindAndModel: [Parameter] = [
        .text("kind", "Of this kind.", most: 100), .text("model", "Of this model.", most: 200),
    ]

    static let models: [Operation] = [
        Operation(
            "POST /api/models/jobs", "submitModelJob", .models,
            """
            The fields of the kind and the members of `POST /jobs` side by side, under our names or those of clients of Ollama queues \
            (`jobType`, `modelName`, `jobName`, `sessionID`, `taskCategory`).
            """,
            headers: Parameter.ofSubmission,
            body: .json("ModelJobSubmission", eg: ["jobType": "generate", "modelName": "llama3.2", "prompt": "What is Redis?"]),
            [.accepted("ModelJobAccepted", "Accepted.", received), .ok("Job", heldMeaning, held + [.eTag])],
            problems: ProblemsOfRoute.ofSubmission),
        Operation("GET /cache", "readCache", .models, "What is kept, and what it saved.", [.ok("CacheStatistics")]),
        Operation(
            "DELETE /cache", "clearCache", .models, "Everything, or what the query says; at most 100,000 at once.", query: kindAndModel,
            [.ok("CacheCleared", "What was cleared.")]),
        Operation(
            "GET /cache/performance", "readModelPerformance", .models, "The busiest 1,000 rows, and what `auto` would choose now.",
            query: kindAndModel + [.text("task_category", "Of this category.", most: 100)], [.ok("ModelPerformanceList", "How models do.")]),
        Operation(
            "POST /feedback", "giveFeedback", .models,
            """
            `job_id` says model, kind, category and prompt; without it, `model` and `kind` must be given. A score below 0 takes the job's \
            answer out of the cache.
            """,
            body: .json("Feedback", eg: ["score": 0.8, "model": "llama3.2", "kind": "generate", "reason": "short and right"]),
            [.created("FeedbackReceipt", "It is kept.")],
            problems: ["unknown-job", "unreadable-row", "not-finished", "job-failed", "job-cancelled"]),
    ]

    static let modelJobs: [Operation] =
        [
            lamish(
                "POST /api/projection/create", "createProjection", "projection",
                eg: ["narrative": "A harbour at dawn.", "persona": "philosopher", "namespace": "lamish-galaxy", "style": "academic"]),
            lamish(
                "POST /api/translation/round-trip", "createRoundTrip", "translation",
                eg: ["text": "A harbour at dawn.", "languages": ["French", "Latin"]]),
            lamish("POST /api/maieutic/start", "startDialogue", "maieutic", eg: ["goal": "Understand tides", "depth": 3]),
            lamish(
                "POST /api/configuration/generate", "createConfiguration", "configuration",
                eg: ["description": "A world of tides", "count": 3]),
        ] + listedModelJobs

    private static func lamish(_ route: String, _ id: String, _ kind: String, eg example: JSONValue) -> Operation {
        Operation(
            route, id, .modelJobs,
            "The members of the kind `\(kind)` and those of `POST /jobs` but `kind` and `input`, side by side.",
            headers: Parameter.ofSubmission, body: .json(InputSchemas.sideBySideName(kind), eg: example),
            [.accepted("ModelJobReceipt", "Accepted.", received), .ok("ModelJob", heldMeaning, held)],
            problems: ProblemsOfRoute.ofSubmission)
    }

    private static let listedModelJobs: [Operation] = [
        Operation(
            "GET /api/jobs", "listModelJobs", .modelJobs, "Jobs of the queue `models`, newest first.",
            query: [
                Parameter("type", .query, ["type": "array", "items": ["type": "string"]], "Kinds, repeated or separated by commas."),
                .words("status", ModelJobWords.statuses, "Where they stand."), .text("session_id", "Exactly this one.", most: 200), .since,
                .until, .limit(1...200, 50), .cursor,
            ],
            [.ok("ModelJobList", "A page.")]),
        Operation(
            "GET /api/jobs/{id}", "readModelJob", .modelJobs, "`Prefer: wait=N` holds the answer until something changes.",
            headers: [.prefer], [.ok("ModelJob", "As it is now.", [.preferenceApplied])], problems: ofOneJob),
        Operation(
            "POST /api/jobs/{id}/cancel", "cancelModelJob", .modelJobs, "As `POST /jobs/{id}/cancel`, in these words.",
            [.ok("ModelJob", "It is cancelled.", [.location]), .accepted("ModelJob", "Its worker is being told.", [.location])],
            problems: ofOneJob + ["already-ended"]),
        Operation(
            "GET /api/models/queue", "readModelQueue", .modelJobs, "`processorActive` is false when it is paused or nobody takes from it.",
            [.ok("ModelQueue")], problems: ["unknown-queue"]),
        Operation(
            "POST /api/models/queue/start", "startModelQueue", .modelJobs,
            "As `POST /queues/models/resume`. Workers are started elsewhere.",
            [.ok("ModelQueue", "It is not paused.")], problems: ["unknown-queue"]),
        Operation(
            "POST /api/models/queue/stop", "stopModelQueue", .modelJobs, "As `POST /queues/models/pause`: what runs goes on.",
            [.ok("ModelQueue", "It is paused.")], problems: ["unknown-queue"]),
    ]
}
