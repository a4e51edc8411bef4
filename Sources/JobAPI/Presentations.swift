internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue

/// `/api/presentations`: jobs of kind `presentation` in their owners' words, newest first, under the subjects that they were put under.
extension Reception {
    /// The members of the kind's input and of `POST /jobs`, side by side.
    func createPresentation(_ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        do {
            var request = try PresentationBody.request(body, desk.catalogue)
            request.idempotency = try IdempotencyHeader.key(
                exchange.header("Idempotency-Key"), route: "/api/presentations", body: .object(body))
            request.traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
            return try await receipt(desk.submit(request), exchange)
        } catch DeskError.invalid(let faults) {
            throw Problem.invalid(faults.map(KindBody.inCallersWords))
        }
    }

    private func receipt(_ submission: Submission, _ exchange: Exchange) async throws -> Response {
        let wait = Prefer.wait(exchange)
        var job = submission.job
        if let wait, !job.state.isTerminal { job = await hold(job, for: wait, untilEnd: true) }
        var response: Response
        if job.state.isTerminal, wait != nil || submission.novelty == .duplicate {
            response = try await Response(presentationDocument(desk.presentation(job.id)))
        } else {
            let status = submission.novelty == .new ? .pending : try await desk.presentation(job.id).status
            response = Response(PresentationDocument.receipt(job, status, await desk.firstOutlook(of: job)), status: .accepted)
            response.headers[.retryAfter] = "\(SubmitJob.pollAfterSeconds(job))"
        }
        response.headers[.location] = PresentationDocument.path(job.id)
        note(submission.novelty, in: &response)
        Prefer.note(wait, in: &response)
        return response
    }

    func readPresentation(_ exchange: Exchange) async throws -> Response {
        try await Response(presentationDocument(desk.presentation(exchange.presentationID())))
    }

    func listPresentations(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: PresentationBody.listWords)
        let filter = query.presentationFilter()
        let below = query.position("cursor")
        let limit = query.number("limit", 1...200, standard: 50)
        try query.finish()
        let found = try await desk.presentations(filter, below: below, limit: limit)
        // Redis away: the list comes without how far the work is.
        let progress = (try? await desk.queue.progress(of: found.filter { !$0.status.isFinal }.map(\.id))) ?? [:]
        let items = found.map { one in
            var item = PresentationDocument.of(one)
            if let percent = progress[one.id] { item["progress"] = .number(percent) }
            return JSONValue.object(item)
        }
        let next = found.count == limit ? found.last.map { JSONValue.string($0.position.description) } : nil
        return Response(["presentations": .array(items), "count": .integer(Int64(items.count)), "next_cursor": next ?? .null])
    }

    /// While it is being made, with how far the work is.
    func presentationDocument(_ presentation: Presentation) async throws -> JSONValue {
        guard !presentation.status.isFinal, let job = try? await desk.read(presentation.id) else {
            return .object(PresentationDocument.of(presentation))
        }
        // It has ended between the two reads: the row knows how.
        if job.state.isTerminal { return try await .object(PresentationDocument.of(desk.presentation(presentation.id))) }
        let live = JobDocument.short(job, durations: desk.durations)
        let shown = live.filter { ["progress", "step", "message", "attempt", "elapsed_seconds", "remaining_seconds"].contains($0.key) }
        return .object(PresentationDocument.of(presentation).merging(shown) { own, _ in own })
    }
}

extension Exchange {
    func presentationID() throws(Problem) -> JobID {
        guard let text = captured.first, let id = JobID(text) else { throw .unknownPresentation }
        return id
    }
}

extension QueryReader {
    mutating func presentationFilter() -> PresentationFilter {
        var filter = PresentationFilter()
        filter.statuses = Set(
            words("status", among: Presentation.Status.allCases.map(\.rawValue)).compactMap(Presentation.Status.init))
        filter.subject = one("subject", maxBytes: Presentation.maxSubjectBytes)
        filter.userID = one("user_id", maxBytes: 200)
        filter.since = time("since")
        filter.until = time("until")
        return filter
    }
}

enum PresentationBody {
    static let kind = "presentation"
    static let listWords = ["status", "subject", "user_id", "since", "until", "cursor", "limit"]

    static func request(_ body: [String: JSONValue], _ catalogue: JobCatalogue) throws(Problem) -> JobRequest {
        var request = try KindBody.request(body, kind, catalogue)
        request.title = request.title ?? body["topic"]?.string.map { String($0.prefix(60)) }
        return request
    }
}

enum PresentationDocument {
    static func path(_ id: JobID) -> String { "/api/presentations/\(id)" }

    static func of(_ presentation: Presentation) -> [String: JSONValue] {
        [
            "job_id": .string(presentation.id.description), "topic": .string(presentation.topic),
            "status": .string(presentation.status.rawValue), "subject": .string(presentation.subject),
            "presenton_id": presentation.presentonID.map(JSONValue.string) ?? .null,
            "presenton_url": presentation.presentonURL.map(JSONValue.string) ?? .null,
            "created_at": .string(presentation.createdAt.description),
            "completed_at": presentation.completedAt.map { .string($0.description) } ?? .null,
            "user_id": presentation.userID.map(JSONValue.string) ?? .null,
            "n_slides": presentation.slides.map { .integer(Int64($0)) } ?? .null,
            "error": presentation.error.map(JSONValue.string) ?? .null,
            "check_status": .string(path(presentation.id)), "status_url": .string("/jobs/\(presentation.id)"),
            "events_url": .string("/jobs/\(presentation.id)/events"),
        ]
    }

    /// What a submission is answered with: the seeds' words, and what every other 202 has.
    static func receipt(_ job: Job, _ status: Presentation.Status, _ outlook: Outlook?) -> JSONValue {
        var receipt = SubmitJob.receipt(job, outlook).object ?? [:]
        receipt["status"] = .string(status.rawValue)
        receipt["message"] = .string(message(status))
        receipt["check_status"] = .string(path(job.id))
        return .object(receipt)
    }

    private static func message(_ status: Presentation.Status) -> String {
        switch status {
        case .pending, .processing: "Started generating..."
        case .complete: "The presentation is ready"
        case .error: "The presentation could not be made"
        }
    }
}
