internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /jobs/{id}/retry` and `POST /dead-letters/retry`: jobs that failed or were cancelled begin again.
extension Reception {
    /// 202 with the job, also when it lives already: the request may be repeated.
    func retryJob(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.jobID()
        try await requireOwn(id, exchange)
        let job = try await desk.retry(id)
        var response = try await document(of: job)
        response.status = .accepted
        response.headers[.location] = "/jobs/\(job.id)"
        return response
    }

    /// Without `count` it only tells how many match. With the number that match now it retries them; any other number is 409, so that nobody
    /// retries more than they have seen.
    func retryDeadLetters(_ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        let members = try SubmitJob.accept(body, RetryDeadLetters.shape)
        var words = QueryReader(members)
        let filter = words.filter(desk.catalogue)
        guard words.faults.isEmpty else { throw RetryDeadLetters.problem(words.faults) }
        let matching = try await desk.countDeadLetters(filter)
        exchange.notes.add(["filter": .object(members), "matching": .integer(Int64(matching))])
        guard let count = members["count"]?.integer else { return RetryDeadLetters.question(body, matching) }
        guard count == matching else { throw Problem.otherCount(matching) }
        let done = try await desk.retryDeadLetters(filter)
        exchange.notes.add(["retried": .integer(Int64(done.retried))])
        return Response(
            ["retried": .integer(Int64(done.retried)), "remaining": .integer(Int64(done.remaining))], status: .accepted)
    }
}

enum RetryDeadLetters {
    static let shape = InputShape([
        .init("kind", .text(maxLength: 1_000), "kinds, separated by commas"),
        .init("queue", .text(maxLength: 1_000), "queues, separated by commas"),
        .init("error_type", .text(maxLength: 200), "the error in one word"), .init("subject", .text(maxLength: 200), "the subject"),
        .init("session", .text(maxLength: 200), "the session"), .init("tag", .text(maxLength: 100), "a tag"),
        .init("since", .text(maxLength: 64), "failed at or after"), .init("until", .text(maxLength: 64), "failed before"),
        .init("count", .integer(0...1_000_000_000), "how many match"),
    ])

    static func question(_ body: [String: JSONValue], _ matching: Int) -> Response {
        let send = body.merging(["count": .integer(Int64(matching))]) { $1 }
        return Response([
            "matching": .integer(Int64(matching)), "send": .object(send),
            "message": .string("\(matching) dead letters match. Nothing was changed; send `send` to retry them."),
        ])
    }

    static func problem(_ faults: [QueryReader.Fault]) -> Problem {
        .invalid(faults.map { InputShape.Fault(pointer: "#/\($0.parameter)", detail: $0.detail) })
    }
}
