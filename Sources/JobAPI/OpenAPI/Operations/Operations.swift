internal import JobModel

/// What the OpenAPI document says of every route, by area. A new route is one entry here, and its documents in `Answers/`.
extension Operation {
    static let all: [Operation] = [
        jobs, followedJobs, flows, queues, schedules, conversations, models, modelJobs, presentations, webhooks, work, operations,
    ].flatMap(\.self)

    static let byRoute = Dictionary(all.map { ($0.route, $0) }, uniquingKeysWith: { first, _ in first })

    static let received: [ResponseHeader] = [.location, .retryAfter, .idempotencyReplayed, .uniqueReplayed, .preferenceApplied]
    static let held: [ResponseHeader] = [.location, .idempotencyReplayed, .uniqueReplayed, .preferenceApplied]
    /// What asking of one job may meet.
    static let ofOneJob: [String] = ["unknown-job", "unreadable-row"]

    static let heldMeaning = "It ended while the answer was held (`Prefer: wait=N`), or the unique job asked for has been done already."
}
