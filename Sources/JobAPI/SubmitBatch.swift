internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /jobs/batch`: up to 1,000 jobs at once. Each member is accepted or refused for itself, and told by its place.
extension Reception {
    func submitBatch(_ exchange: Exchange) async throws -> Response {
        guard let place = batches.take() else { throw Problem.tooManyBatches }
        defer { withExtendedLifetime(place) {} }
        let body = try await BodyReader.object(of: exchange.request, limit: SubmitBatch.maxBytes)
        let wholeKey = try IdempotencyHeader.key(exchange.header("Idempotency-Key"), route: SubmitBatch.route, body: [:])
        let traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
        var answers: [Result<Submission, Problem>?] = []
        var requests: [JobRequest] = []
        for (index, item) in try SubmitBatch.items(body).enumerated() {
            do throws(Problem) {
                var request = try SubmitBatch.request(item, index: index, wholeKey: wholeKey)
                request.traceparent = traceparent
                requests.append(request)
                answers.append(nil)
            } catch {
                answers.append(.failure(error))
            }
        }
        var submitted = try await desk.submit(requests).makeIterator()
        let items = answers.enumerated().map { index, answer in
            let answer = answer ?? submitted.next()?.mapError { Problem($0) } ?? .failure(.fault)
            return SubmitBatch.document(answer, index: index, exchange)
        }
        let accepted = items.count { $0["job_id"] != nil }
        return Response(
            ["accepted": .integer(Int64(accepted)), "refused": .integer(Int64(items.count - accepted)), "items": .array(items)],
            status: .accepted)
    }
}

enum SubmitBatch {
    static let maxBytes = 8 << 20
    static let maxItems = 1_000
    static let route = "/jobs/batch"

    static func items(_ body: [String: JSONValue]) throws(Problem) -> [JSONValue] {
        for name in body.keys.sorted() where name != "jobs" {
            throw .invalid([InputShape.Fault(pointer: "#/\(name.prefix(100))", detail: "is not a member of this request")])
        }
        guard let items = body["jobs"]?.array, (1...maxItems).contains(items.count) else {
            throw .invalid([InputShape.Fault(pointer: "#/jobs", detail: "must be an array of 1 to \(maxItems) objects")])
        }
        return items
    }

    /// One member, as `POST /jobs` would read it. Its own key is the key of that route: the same job, whichever way it is sent.
    /// The key of the whole batch stands for each member by its place.
    static func request(_ item: JSONValue, index: Int, wholeKey: IdempotencyKey?) throws(Problem) -> JobRequest {
        guard var members = item.object else { throw .invalid([InputShape.Fault(pointer: "#", detail: "must be an object")]) }
        let given = members.removeValue(forKey: "idempotency_key").flatMap { $0.isNull ? nil : $0 }
        var request = try SubmitJob.request(members)
        guard request.input.bytes.count <= BodyReader.maxJSONBytes else {
            throw .invalid([InputShape.Fault(pointer: "#/input", detail: "must be at most \(BodyReader.maxJSONBytes) bytes of JSON")])
        }
        if let given {
            guard let key = given.string, (1...255).contains(key.utf8.count), SubmissionOptions.isVisible(key) else {
                let detail = "must be 1 to 255 visible ASCII characters"
                throw .invalid([InputShape.Fault(pointer: "#/idempotency_key", detail: detail)])
            }
            request.idempotency = IdempotencyHeader.key(key, scope: "/jobs", body: .object(members))
        } else if let wholeKey {
            request.idempotency = IdempotencyHeader.key("\(wholeKey.key):\(index)", scope: route, body: .object(members))
        }
        return request
    }

    static func document(_ answer: Result<Submission, Problem>, index: Int, _ exchange: Exchange) -> JSONValue {
        switch answer {
        case .success(let submission):
            var document: [String: JSONValue] = [
                "index": .integer(Int64(index)), "status": 202, "job_id": .string(submission.job.id.description),
                "job_status": .string(submission.job.state.rawValue),
            ]
            if submission.novelty == .replay { document["idempotency_replayed"] = true }
            if submission.novelty == .duplicate { document["unique_replayed"] = true }
            return .object(document)
        case .failure(let problem):
            let place = "#/jobs/\(index)"
            return [
                "index": .integer(Int64(index)), "status": .integer(Int64(problem.status.code)),
                "problem": problem.at(place).document(requestID: exchange.requestID, path: route),
            ]
        }
    }
}

extension Problem {
    /// The same problem of a part of the body: its pointers begin at the body's root.
    fileprivate func at(_ place: String) -> Problem {
        guard let errors = members["errors"]?.array else { return self }
        let moved = errors.map { error -> JSONValue in
            ["detail": error["detail"] ?? .null, "pointer": .string(place + (error["pointer"]?.string ?? "#").dropFirst())]
        }
        return with(["errors": .array(moved)])
    }
}
