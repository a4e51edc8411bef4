internal import JobModel

// Conversations, kept answers, how models do, and the jobs that ask them.
extension AnswerShape {
    private static let conversation: [Member] = [
        .init("session_id", .text, eg: "ml_discussion", "The session."), .init("message_count", .whole, eg: 24, "What was said."),
        .init("created_at", .time, "When it began."), .init("updated_at", .time, "When something was said last."),
    ]

    static let models: [AnswerShape] = [
        AnswerShape("Conversation", "A session in which something was said.", conversation),
        AnswerShape(
            "ConversationList", "A page of conversations; last changed first.",
            [.init("conversations", .list(.shape("Conversation")), "The conversations."), count, nextCursor]),
        AnswerShape(
            "ConversationText", "What was said in a session, oldest first.",
            conversation + [.init("messages", .list(.shape("Message")), "A page of it."), nextCursor]),
        AnswerShape(
            "Message", "One thing that was said.",
            [
                .init("number", .whole, eg: 2, "From 1 on, without gaps."),
                .init("role", .words(MessageRole.allCases.map(\.rawValue)), eg: "assistant", "Who said it."),
                .init("content", .text, eg: "Redis keeps data in memory.", "The words."),
                .init("tokens", .whole, eg: 6, "Its length for models."),
                .init("job_id", .id, "The job that said it."), .init("created_at", .time, "When."),
                .maybe("model", .text, eg: "llama3.2", "The model that said it."), .maybe("thinking", .text, "What it thought before."),
            ]),
        AnswerShape(
            "ConversationDeleted", "What was deleted.",
            [.init("session_id", .text, eg: "ml_discussion", "The session."), .init("deleted_messages", .whole, eg: 24, "How many.")]),
        AnswerShape(
            "ConversationsDeleted", "What was deleted.",
            [
                .init("deleted_conversations", .whole, eg: 3, "How many."), .init("deleted_messages", .whole, eg: 80, "How many."),
                .init("complete", .boolean, eg: true, "False when there may be more: ask again."),
            ]),
        AnswerShape(
            "Hits", "Answers that came from the cache.",
            [.init("exact", .whole, eg: 340, "The same question."), .init("semantic", .whole, eg: 12, "A question that means the same.")]),
        AnswerShape(
            "CacheStatistics", "Answers of models that are kept.",
            [
                .init("entries", .whole, eg: 120, "How many."), .init("bytes", .whole, eg: 901_822, "How large."),
                .init("hits", .shape("Hits"), "All there were, also of answers that are gone."),
                .init("hit_rate", .orNull(.number), eg: 0.62, "Hits of hits and answers; null without any."),
                .init("saved_seconds", .number, eg: 1804.5, "What models did not have to do."),
                .init("models", .list(.shape("CacheShelf")), "The same of each kind and model."),
            ]),
        AnswerShape(
            "CacheShelf", "What is kept of one kind and model.",
            [
                .init("kind", .text, eg: "generate", "The kind."), .init("model", .text, eg: "llama3.2", "The model."),
                .init("entries", .whole, eg: 100, "How many."), .init("bytes", .whole, eg: 700_101, "How large."),
                .init("semantic_entries", .whole, eg: 20, "Those that can be found by their meaning."),
                .init("hits", .shape("Hits"), "Of what is kept."), .init("oldest_at", .time, "The oldest."),
                .init("newest_at", .time, "The newest."),
            ]),
        AnswerShape(
            "CacheCleared", "What was cleared.",
            [
                .init("cleared_entries", .whole, eg: 120, "How many."),
                .init("complete", .boolean, eg: true, "False when there may be more: ask again."),
            ]),
        AnswerShape("ModelPerformance", "How a model does at a kind and a category of tasks.", performance),
        AnswerShape(
            "ModelPerformanceList", "How models do.",
            [
                .init("models", .list(.shape("ModelPerformance")), "The busiest first."), count,
                .init("routing", .list(.shape("ModelRouting")), "What `auto` would choose now."),
            ]),
        AnswerShape(
            "ModelRouting", "What `auto` would choose, and why.",
            [
                .init("kind", .text, eg: "generate", "The kind."), .init("task_category", .text, eg: "code", "The category."),
                .init("chosen", .text, eg: "codellama", "The model."),
                .init("why", .text, eg: "codellama is the only model that can do this", "The reason."),
                .init("candidates", .list(.object), eg: [], "The models that were compared, with their scores."),
            ]),
        AnswerShape(
            "FeedbackReceipt", "Feedback that was kept.",
            [
                .init("feedback_id", .id, "The feedback."), .init("model", .text, eg: "llama3.2", "The model."),
                .init("kind", .text, eg: "generate", "The kind."), .init("task_category", .text, eg: "general", "The category."),
                .init("score", .number, eg: 0.8, "-1 to 1."), .init("removed_from_cache", .whole, eg: 0, "Answers that are kept no more."),
                .init("message", .text, eg: "Feedback submitted successfully", "For people."), .maybe("job_id", .id, "The job."),
                .maybe("performance", .shape("ModelPerformance"), "How the model does now."),
            ]),
        AnswerShape(
            "ModelJobAccepted", "A model job that was accepted, in the words of clients of Ollama queues.",
            receipt(modelStatuses, status: "pending") + [
                .init("jobId", .id, "The same as `job_id`."), .init("jobName", .orNull(.text), eg: "explain", "Its title."),
                .init("queuePosition", .orNull(.whole), eg: 1, "The same as `queue_position`."),
            ]),
    ]

    private static let performance: [Member] = [
        .init("model", .text, eg: "codellama", "The model."), .init("kind", .text, eg: "generate", "The kind."),
        .init("task_category", .text, eg: "code", "The category."), .init("answers", .whole, eg: 41, "How many."),
        .init("failures", .whole, eg: 1, "How many."), .init("failure_rate", .orNull(.number), eg: 0.024, "Of all; null without any."),
        .init("recent_failure_rate", .number, eg: 0.01, "Of the last ones."), .init("mean_ms", .orNull(.number), eg: 2100, "Of all."),
        .init("recent_ms", .orNull(.number), eg: 1850, "Of the last ones."), .init("answer_tokens", .whole, eg: 8123, "All together."),
        .init("hits", .shape("Hits"), "Answers that came from the cache."),
        .init("hit_rate", .orNull(.number), eg: 0.18, "Null without any."),
        .init("saved_seconds", .number, eg: 18.9, "What it did not have to do."),
        .init("feedback", .shape("FeedbackSummary"), "What people said."), .init("updated_at", .time, "When it was asked last."),
    ]

    static let modelJobs: [AnswerShape] = [
        AnswerShape(
            "FeedbackSummary", "What people said of a model.",
            [.init("count", .whole, eg: 6, "How often."), .init("mean_score", .orNull(.number), eg: 0.7, "-1 to 1; null without any.")]),
        AnswerShape("ListedModelJob", "A model job as lists show it.", shortModelJob),
        AnswerShape(
            "ModelJob", "Where a model job stands, and its result.",
            shortModelJob + outlook() + [
                .init("input_data", .anything, eg: ["narrative": "A harbour at dawn."], "Its input."),
                .init("result_data", .anything, "Its result, once it is completed; null before."),
                .maybe("queuePosition", .whole, "How many come before it, and one."),
            ]),
        AnswerShape(
            "ModelJobList", "A page of model jobs, newest first.",
            [
                .init("jobs", .list(.shape("ListedModelJob")), "The jobs."), count, nextCursor,
                .init("statistics", .orNull(.shape("ModelJobStatistics")), "Of all of them; null while Redis does not answer."),
            ]),
        AnswerShape("ModelJobStatistics", "How many model jobs stand where.", statistics),
        AnswerShape(
            "ModelQueue", "How the queue of model jobs stands.",
            statistics + [
                .init("queue", .text, eg: "models", "Its name."),
                .init("processorActive", .boolean, eg: true, "It gives jobs, and somebody takes them."),
                .init("paused", .boolean, "Whether it starts no jobs."), .init("workers", .whole, "Live ones that take from it."),
                .init("cacheSize", .orNull(.whole), eg: 7, "Answers that are kept; null while PostgreSQL does not answer."),
            ]),
        AnswerShape(
            "ModelJobReceipt", "A model job that was accepted.",
            receipt(modelStatuses, status: "pending") + [
                .init("id", .id, "The same as `job_id`."), .init("type", .text, eg: "projection", "The same as `kind`."),
                .init("title", .text, eg: "Projection: philosopher", "A name for people."),
                .maybe("queuePosition", .whole, eg: 1, "The same as `queue_position`."),
            ]),
    ]

    private static let statistics: [Member] = [
        ("total", "All of them."), ("pending", "They wait, are scheduled, or behind a limit."), ("running", "Being done."),
        ("completed", "Since Redis began."), ("failed", "Since Redis began."), ("cancelled", "Since Redis began."),
        ("maxConcurrent", "Slots of live workers."),
    ].map { Member($0.0, .whole, eg: 3, $0.1) }

    private static let shortModelJob: [Member] = [
        .init("id", .id, "The job."), .init("job_id", .id, "The same."), .init("type", .text, eg: "projection", "Its kind."),
        .init("status", modelStatuses, eg: "running", "Where it stands."),
        .init("title", .text, eg: "Projection: philosopher", "A name for people."),
        .init("description", .orNull(.text), "A text for people."), .init("error_message", .orNull(.text), "Why it failed."),
        .init("progress", .shape("ModelJobProgress"), "How far it is."), .init("created_at", .time, "When it was accepted."),
        .init("started_at", .orNull(.time), "When it started."), .init("completed_at", .orNull(.time), "When it ended, however."),
        .init("status_url", .path, eg: .string("/api/jobs/\(exampleID)"), "This document."),
        .init("events_url", .path, eg: .string("/jobs/\(exampleID)/events"), "Its events, live."),
        .maybe("session_id", .text, "The session it belongs to."), .maybe("error", .shape("ModelJobError"), "Why it failed."),
        .maybe("cancelled_at", .time, "When it was cancelled."),
    ]
}
