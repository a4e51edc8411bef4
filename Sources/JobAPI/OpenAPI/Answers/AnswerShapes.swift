internal import JobModel

/// Every document that the API answers with, by area.
extension AnswerShape {
    static let all: [AnswerShape] = [
        problems, jobs, flows, queues, models, modelJobs, schedules, presentations, webhooks, work, operations,
    ].flatMap(\.self)

    static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    static let states = Value.words(JobState.allCases.map(\.rawValue))
    static let priorities = Value.words(JobPriority.allCases.map(\.rawValue))
    static let modelStatuses = Value.words(ModelJobWords.statuses)

    /// Null on the last page.
    static let nextCursor = Member("next_cursor", .orNull(.text), "The `cursor` of the next page; null on the last one.")
    /// Missing on the last page.
    static let maybeNextCursor = Member.maybe("next_cursor", .text, "The `cursor` of the next page; missing on the last one.")
    static let count = Member("count", .whole, "How many are on this page.")
}

extension AnswerShape {
    /// RFC 9457. What only some problems have may be missing.
    fileprivate static let problems: [AnswerShape] = [
        AnswerShape(
            "Problem", "What went wrong, and what to do about it (RFC 9457).", isOpen: true,
            [
                .init(
                    "type", .text, eg: "urn:tidewheel:problem:unknown-job", "`urn:tidewheel:problem:` and a word: what programs compare."),
                .init("title", .text, eg: "Unknown job", "The problem in general."),
                .init("status", .whole, eg: 404, "The HTTP status."),
                .init("detail", .text, eg: "There is no job of this id, or it was removed after its retention time.", "What to do."),
                .init("instance", .text, eg: .string("/jobs/\(exampleID)"), "The path that was asked."),
                .init("request_id", .text, eg: "7a1d6c4e0b", "The `X-Request-ID`."),
                .maybe("errors", .list(.shape("Fault")), "Everything that does not fit, each at its place."),
                .maybe("job_id", .text, "The job that it is about."),
                .maybe("job_status", states, "How that job stands."),
                .maybe("known_kinds", .list(.text), "The kinds that there are."),
                .maybe("known_queues", .list(.text), "The queues that there are."),
                .maybe("limit_bytes", .whole, "How large the body may be."),
                .maybe("offset", .whole, "The byte at which the body stops being JSON."),
                .maybe("scope", .text, "What the key lacks."),
                .maybe("matching", .whole, "How many dead letters match now."),
                .maybe("violated-policies", .list(.text), "`requests`, `jobs-a-day` or `live-jobs`."),
            ]),
        AnswerShape(
            "Fault", "One thing that does not fit.",
            [
                .init("detail", .text, eg: "is required", "Why."),
                .maybe("pointer", .text, eg: "#/input/url", "JSON pointer into the body."),
                .maybe("parameter", .text, "The query parameter."),
            ]),
    ]
}
