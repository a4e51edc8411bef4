internal import JobModel

// Flows and schedules.
extension AnswerShape {
    private static let flowSummary: [Member] = [
        .init("flow_id", .id, "The flow."), .init("status", states, eg: "processing", "What its jobs add up to."),
        .init("progress", .number, eg: 33.3, "The share of its jobs that have ended, 0 to 100."),
        .init("cancel_requested", .boolean, "Somebody asked it to stop."), .init("metadata", .object, "What its submitter wants back."),
        .init("created_at", .time, "When it was accepted."),
        .init("status_url", .path, eg: .string("/flows/\(exampleID)"), "Its document."),
        .init(
            "counts", .map(.whole),
            eg: ["total": 3, "waiting": 1, "scheduled": 0, "queued": 0, "processing": 1, "completed": 1, "failed": 0, "cancelled": 0],
            "How many jobs it has, and how many stand where."),
        .maybe("name", .text, eg: "weekly digest", "A name for people."), .maybe("finished_at", .time, "When its last job ended."),
    ]

    static let flows: [AnswerShape] = [
        AnswerShape("FlowSummary", "A flow without its jobs.", flowSummary),
        AnswerShape(
            "Flow", "Where a flow and its jobs stand.",
            flowSummary + [.init("jobs", .list(.shape("FlowJob")), "Its jobs, in the order of the request."), maybeNextCursor]),
        AnswerShape(
            "FlowReceipt", "A flow that was accepted.",
            flowSummary + [.init("job_ids", .map(.id), eg: ["left": .string(exampleID)], "The job's id for each name.")]),
        AnswerShape(
            "FlowJob", "A job as its flow shows it.",
            [
                .init("name", .text, eg: "left", "Its name in the flow."), .init("job_id", .id, "The job."),
                .init("kind", .text, eg: "web_crawl", "What it does."), .init("status", states, eg: "completed", "Where it stands."),
                .init("progress", .number, eg: 100, "0 to 100."), .init("attempt", .whole, "Attempts so far."),
                .init("depends_on", .list(.text), eg: [], "Names of jobs that must end first."),
                .init("on_parent_failure", .words(FlowPlace.ParentFailure.allCases.map(\.rawValue)), "What a parent's failure means."),
                .init("status_url", .path, "Its document."), .maybe("error", .text, "Why it did not complete."),
                .maybe("error_type", .text, "The same in one word."), .maybe("started_at", .time, "When it started."),
                .maybe("finished_at", .time, "When it ended."),
            ]),
        AnswerShape(
            "FlowList", "A page of flows, newest first.", [.init("flows", .list(.shape("FlowSummary")), "The flows."), maybeNextCursor]),
    ]

    static let schedules: [AnswerShape] = [
        AnswerShape(
            "Schedule", "A schedule: what it was made with, and how it goes.",
            [
                .init("schedule_id", .id, "The schedule."), .init("name", .text, eg: "nightly", "Unique among schedules."),
                .init("expression", .text, eg: "30 2 * * MON-FRI", "When it fires."),
                .init("time_zone", .text, eg: "Europe/Berlin", "Whose clocks the expression means."),
                .init("missed", .words(JobModel.Schedule.MissedRuns.allCases.map(\.rawValue)), "Fire times at which nobody was there."),
                .init("overlap", .words(JobModel.Schedule.Overlap.allCases.map(\.rawValue)), "While the job before lives."),
                .init("enabled", .boolean, eg: true, "Whether it fires."), .init("kind", .text, eg: "web_crawl", "What its jobs do."),
                .init("input", .object, eg: ["url": "https://example.com/"], "The input of its jobs."),
                .init("created_at", .time, "When it was made."), .init("updated_at", .time, "When it was changed."),
                .init("next_runs", .list(.time), eg: ["2026-11-23T01:30:00.000Z"], "The next fire times, at most five."),
                .init("next_run_at", .orNull(.time), eg: "2026-11-23T01:30:00.000Z", "The next one."),
                .init("last_run_at", .orNull(.time), "The last one."), .init("last_job_id", .orNull(.id), "The job that it made."),
                .init("last_error", .orNull(.text), "Why the last fire time made no job."),
            ] + optionsOfItsJobs),
        AnswerShape(
            "ScheduleList", "A page of schedules, in the order of their making.",
            [.init("schedules", .list(.shape("Schedule")), "The schedules."), maybeNextCursor]),
    ]

    private static let optionsOfItsJobs: [Member] = [
        .maybe("queue", .text, "Another queue than the kind's."), .maybe("priority", priorities, "Their order in the queue."),
        .maybe("timeout", .number, "Seconds an attempt may take."), .maybe("max_attempts", .whole, "Attempts before they fail for good."),
        .maybe("backoff", .shape("Backoff"), "Pauses before retries."), .maybe("unique", .shape("Uniqueness"), "The key they hold alone."),
        .maybe("concurrency_key", .text, "Whose turn they take."), .maybe("subject", .text, "What they are about."),
        .maybe("session_id", .text, "The session they belong to."), .maybe("title", .text, "A name for people."),
        .maybe("description", .text, "A text for people."), .maybe("tags", .list(.text), "Words to find them by."),
        .maybe("metadata", .object, "What comes back with them."), .maybe("webhook", .object, "Who is told of their ends."),
    ]
}
