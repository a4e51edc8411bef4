internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// The routes of the Lamish engine and of whoever lists model jobs: `/api/projection/create` and its like, `/api/jobs`. They are jobs like any
/// other; `ModelJobWords` has their words.
extension Reception {
    func createProjection(_ exchange: Exchange) async throws -> Response { try await createModelJob("projection", exchange) }
    func createRoundTrip(_ exchange: Exchange) async throws -> Response { try await createModelJob("translation", exchange) }
    func createConfiguration(_ exchange: Exchange) async throws -> Response { try await createModelJob("configuration", exchange) }
    func startDialogue(_ exchange: Exchange) async throws -> Response { try await createModelJob("maieutic", exchange) }

    private func createModelJob(_ kind: String, _ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        do {
            var request = try KindBody.request(body, kind, desk.catalogue)
            request.idempotency = try IdempotencyHeader.key(
                exchange.header("Idempotency-Key"), route: "/api/\(kind)", body: .object(body))
            request.traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
            return try await modelReceipt(desk.submit(request), exchange)
        } catch DeskError.invalid(let faults) {
            throw Problem.invalid(faults.map(KindBody.inCallersWords))
        }
    }

    /// 202; with `Prefer: wait=N`, the job when it ends in time.
    func modelReceipt(_ submission: Submission, _ exchange: Exchange) async throws -> Response {
        let wait = Prefer.wait(exchange)
        var job = submission.job
        if let wait, !job.state.isTerminal { job = await hold(job, for: wait, untilEnd: true) }
        var response: Response
        if job.state.isTerminal, wait != nil || submission.novelty == .duplicate {
            response = Response(ModelJobWords.whole(try await desk.read(job.id), desk.durations, nil))
        } else {
            response = Response(
                ModelJobWords.receipt(job, await desk.firstOutlook(of: job)), status: .accepted,
                headers: [.retryAfter: "\(SubmitJob.pollAfterSeconds(job))"])
        }
        response.headers[.location] = ModelJobWords.path(job.id)
        note(submission.novelty, in: &response)
        Prefer.note(wait, in: &response)
        return response
    }

    func listModelJobs(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: ["type", "status", "session_id", "since", "until", "cursor", "limit"])
        var filter = JobFilter()
        let own = desk.catalogue.kinds.filter { $0.queue == ModelJobWords.queue }.map(\.name)
        filter.kinds = query.words("type", among: desk.catalogue.kinds.map(\.name))
        if filter.kinds.isEmpty { filter.kinds = Set(own) }
        filter.states = ModelJobWords.states(query.words("status", among: ModelJobWords.statuses))
        filter.sessionID = query.one("session_id", maxBytes: 200)
        filter.since = query.time("since")
        filter.until = query.time("until")
        let below = query.position("cursor")
        let limit = query.number("limit", 1...200, standard: 50)
        try query.finish()
        let found = try await desk.list(filter, below: below, limit: limit)
        let jobs = found.jobs.map { JSONValue.object(ModelJobWords.short($0.job, desk.durations)) }
        return Response([
            "jobs": .array(jobs), "count": .integer(Int64(jobs.count)), "next_cursor": found.next.map { .string($0.description) } ?? .null,
            "statistics": await processor()?.statistics ?? .null,
        ])
    }

    func readModelJob(_ exchange: Exchange) async throws -> Response {
        var job = try await desk.read(exchange.jobID())
        let wait = Prefer.wait(exchange)
        if let wait, !job.state.isTerminal { job = await hold(job, for: wait, untilEnd: false) }
        var response = Response(ModelJobWords.whole(job, desk.durations, await desk.outlook(of: job)))
        Prefer.note(wait, in: &response)
        return response
    }

    /// As `POST /jobs/{id}/cancel`, in these words.
    func cancelModelJob(_ exchange: Exchange) async throws -> Response {
        let job = try await desk.cancel(exchange.jobID())
        var response = Response(ModelJobWords.whole(job, desk.durations, nil), status: job.state == .cancelled ? .ok : .accepted)
        response.headers[.location] = ModelJobWords.path(job.id)
        return response
    }
}
