package import JobModel

/// What a caller asks for, before it is a job.
package struct JobRequest: Sendable {
    package var kind: String
    package var input: JSONValue
    package var metadata: JSONValue = [:]
    package var queue: String?
    package var priority: JobPriority = .medium
    /// Not before this moment.
    package var runAt: Timestamp?
    package var timeoutMilliseconds: Int64?
    package var maxAttempts: Int?
    package var subject: String?
    package var sessionID: String?
    package var title: String?
    package var tags: [String] = []
    package var description: String?
    package var backoff: Backoff?
    package var concurrencyKey: String?
    package var uniqueness: Uniqueness?
    package var flow: FlowPlace?
    package var webhook: JobWebhook?
    package var idempotency: IdempotencyKey?
    package var traceparent: String?

    package init(kind: String, input: JSONValue) {
        self.kind = kind
        self.input = input
    }
}

extension JobRequest {
    /// The seeds' ingest words: `source_type` is the kind, `source_uri` its url or uri, and metadata that are fields of the kind's input go there.
    /// Both words stay in the metadata, where the status document shows them.
    package static func ingest(
        sourceType: String, sourceURI: String, metadata: [String: JSONValue], catalogue: JobCatalogue
    ) -> JobRequest {
        let fields = Set(catalogue[sourceType]?.input.fields.map(\.name) ?? [])
        var input = metadata.filter { fields.contains($0.key) }
        input[fields.contains("url") ? "url" : "uri"] = .string(sourceURI)
        var rest = metadata.filter { !fields.contains($0.key) }
        rest["source_type"] = .string(sourceType)
        rest["source_uri"] = .string(sourceURI)
        var request = JobRequest(kind: sourceType, input: .object(input))
        request.metadata = .object(rest)
        return request
    }
}
