internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue

/// `POST /api/models/jobs`: the seeds' submitJob. What a model kind takes and what `POST /jobs` takes stand side by side in one object, under
/// our names or those of clients of Ollama queues.
extension Reception {
    func submitModelJob(_ exchange: Exchange) async throws -> Response {
        let given = try await BodyReader.object(of: exchange.request)
        let (body, words) = try ClientWords.ours(given)
        do {
            var request = try ModelJobBody.request(body, desk.catalogue)
            request.idempotency = try IdempotencyHeader.key(
                exchange.header("Idempotency-Key"), route: "/api/models/jobs", body: .object(given))
            request.traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
            let submission = try await desk.submit(request)
            var response = try await accepted(submission, exchange)
            guard response.status == .accepted else { return response }
            let receipt = ModelJobBody.receipt(submission.job, await desk.firstOutlook(of: submission.job))
            let fields = response.headers.filter { ![.contentType, .contentLength].contains($0.name) }
            response = Response(receipt, status: .accepted)
            for field in fields { response.headers[field.name] = field.value }
            return response
        } catch let problem as Problem {
            throw words.inClients(problem)
        } catch DeskError.invalid(let faults) {
            throw words.inClients(.invalid(faults))
        }
    }
}

enum ModelJobBody {
    static func request(_ body: [String: JSONValue], _ catalogue: JobCatalogue) throws(Problem) -> JobRequest {
        let kinds = catalogue.kinds.filter { $0.queue == ModelJobWords.queue }.map(\.name)
        guard let kind = body["kind"]?.string, kinds.contains(kind) else {
            let detail = body["kind"] == nil ? "is required; one of: " : "must be one of: "
            throw .invalid([InputShape.Fault(pointer: "#/kind", detail: detail + kinds.joined(separator: ", "))])
        }
        let fields = Set(catalogue[kind]?.input.fields.map(\.name) ?? [])
        // `input` is a field of `embedding` alone; elsewhere it is nothing that belongs here.
        if let input = body["input"], !fields.contains("input"), !input.isNull {
            throw .invalid([InputShape.Fault(pointer: "#/input", detail: "is not a field of \(kind)")])
        }
        var members = body.filter { !fields.contains($0.key) && $0.key != "input" && $0.key != "agent" }
        members["input"] = .object(body.filter { fields.contains($0.key) })
        if let agent = body["agent"]?.string {
            members["metadata"] = .object((body["metadata"]?.object ?? [:]).merging(["agent": .string(agent)]) { own, _ in own })
        }
        return try SubmitJob.request(members)
    }

    /// What every 202 has, and the words of clients of Ollama queues.
    static func receipt(_ job: Job, _ outlook: Outlook?) -> JSONValue {
        var receipt = SubmitJob.receipt(job, outlook).object ?? [:]
        receipt["jobId"] = .string(job.id.description)
        receipt["jobName"] = job.title.map(JSONValue.string) ?? .null
        receipt["status"] = .string(ModelJobWords.status(job.state))
        receipt["queuePosition"] = outlook?.position.map { .integer(Int64($0.number)) } ?? .null
        return .object(receipt)
    }
}
