internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /ingest-async`: the seeds' ingest call, a job of kind `web_crawl` or `document` in other words.
extension Reception {
    func ingest(_ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        var request = try IngestAsync.request(body, desk.catalogue)
        request.idempotency = try IdempotencyHeader.key(exchange.header("Idempotency-Key"), route: "/ingest-async", body: .object(body))
        request.traceparent = RequestIDs.traceparent(exchange.header("traceparent"))
        do {
            return try await accepted(desk.submit(request), exchange)
        } catch DeskError.invalid(let faults) {
            throw Problem.invalid(faults.map(IngestAsync.inCallersWords))
        } catch DeskError.unknownKind(_, let known) {
            throw Problem.unknownKind(known.filter(IngestAsync.sourceTypes.contains), pointer: "#/source_type")
        }
    }
}

enum IngestAsync {
    static let sourceTypes = ["web_crawl", "document"]

    static let shape = InputShape([
        .init("source_type", .choice(sourceTypes), required: true, "the kind of job"),
        .init("source_uri", .text(maxLength: 8192), required: true, "where to begin, or the document"),
        .init("metadata", .object, standard: [:], "fields of the kind's input, and anything the caller wants back"),
    ])

    static func request(_ body: [String: JSONValue], _ catalogue: JobCatalogue) throws(Problem) -> JobRequest {
        let fields = try SubmitJob.accept(body, shape)
        let metadata = fields["metadata"] ?? [:]
        if let fault = SubmitJob.oversized(metadata) { throw .invalid([fault]) }
        return JobRequest.ingest(
            sourceType: fields["source_type"]?.string ?? "", sourceURI: fields["source_uri"]?.string ?? "",
            metadata: metadata.object ?? [:], catalogue: catalogue)
    }

    /// The caller wrote `source_uri` and `metadata`, not `input`.
    static func inCallersWords(_ fault: InputShape.Fault) -> InputShape.Fault {
        let field = fault.pointer.dropFirst("#/input/".count)
        let pointer = field == "url" || field == "uri" ? "#/source_uri" : "#/metadata/\(field)"
        return InputShape.Fault(pointer: pointer, detail: fault.detail)
    }
}
