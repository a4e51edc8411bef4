internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /flows`: jobs that depend on each other, accepted whole or not at all.
extension Reception {
    func submitFlow(_ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        var request = try SubmitFlow.request(body, traceparent: RequestIDs.traceparent(exchange.header("traceparent")))
        request.idempotency = try IdempotencyHeader.key(exchange.header("Idempotency-Key"), route: "/flows", body: .object(body))
        let submission = try await desk.submit(request)
        var response = Response(SubmitFlow.receipt(submission), status: .accepted, headers: [.retryAfter: "2"])
        response.headers[.location] = "/flows/\(submission.flow.id)"
        if submission.isReplay { response.headers[named: "Idempotency-Replayed"] = "true" }
        return response
    }
}

enum SubmitFlow {
    static let maxNameBytes = 100

    static let shape = InputShape([
        .init("name", .text(maxLength: 300), "a name for people"),
        .init("metadata", .object, standard: [:], "anything the caller wants back"),
    ])

    static let placeShape = InputShape([
        .init("name", .text(maxLength: maxNameBytes), required: true, "the job's name in the flow"),
        .init("depends_on", .texts(maxCount: Flow.maxAcceptedJobs, maxLength: maxNameBytes), standard: [], "jobs that must end first"),
        .init("on_parent_failure", .choice(FlowPlace.ParentFailure.allCases.map(\.rawValue)), standard: "cancel", "what a failure means"),
    ])

    /// The request's members as the desk wants them, or everything that is wrong with them.
    static func request(_ body: [String: JSONValue], traceparent: String?) throws(Problem) -> FlowRequest {
        let fields = try SubmitJob.accept(body.filter { $0.key != "jobs" }, shape)
        let metadata = fields["metadata"] ?? [:]
        var faults: [InputShape.Fault] = []
        if let fault = SubmitJob.oversized(metadata) { faults.append(fault) }
        var members: [FlowRequest.Member] = []
        for (index, job) in try jobs(body["jobs"]).enumerated() {
            do throws(Problem) { members.append(try member(job, traceparent)) } catch {
                guard let found = error.faults else { throw error }
                faults += found.map { $0.ofJob(index) }
            }
        }
        guard faults.isEmpty else { throw .invalid(Array(faults.prefix(100))) }
        var request = FlowRequest(members)
        request.name = fields["name"]?.string
        request.metadata = metadata
        return request
    }

    private static func jobs(_ value: JSONValue?) throws(Problem) -> [JSONValue] {
        guard let jobs = value?.array, (1...Flow.maxAcceptedJobs).contains(jobs.count) else {
            throw .invalid([.init(pointer: "#/jobs", detail: "must be an array of 1 to \(Flow.maxAcceptedJobs) jobs")])
        }
        return jobs
    }

    /// A job of `POST /jobs` with its place in the flow.
    private static func member(_ value: JSONValue, _ traceparent: String?) throws(Problem) -> FlowRequest.Member {
        guard let body = value.object else { throw .invalid([.init(pointer: "#", detail: "must be an object")]) }
        let names = Set(placeShape.fields.map(\.name))
        let place = try SubmitJob.accept(body.filter { names.contains($0.key) }, placeShape)
        var request = try SubmitJob.request(body.filter { !names.contains($0.key) })
        guard request.uniqueness == nil else {
            throw .invalid([.init(pointer: "#/unique", detail: "is not for jobs of a flow; send an Idempotency-Key with the flow")])
        }
        request.traceparent = traceparent
        return FlowRequest.Member(
            name: place["name"]?.string ?? "", request: request, dependsOn: place["depends_on"]?.array?.compactMap(\.string) ?? [],
            onParentFailure: place["on_parent_failure"]?.string.flatMap(FlowPlace.ParentFailure.init) ?? .cancel)
    }

    static func receipt(_ submission: FlowSubmission) -> JSONValue {
        var receipt = FlowDocument.summary(submission.flow)
        receipt["job_ids"] = .object(submission.jobIDs.mapValues { .string($0.description) })
        return .object(receipt)
    }
}
