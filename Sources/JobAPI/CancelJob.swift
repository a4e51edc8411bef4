internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /jobs/{id}/cancel`: 200 once the job is cancelled, 202 while its worker is still being told, 409 when it ended otherwise.
extension Reception {
    func cancelJob(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.jobID()
        try await requireOwn(id, exchange)
        let job = try await desk.cancel(id)
        var response = try await document(of: job)
        response.status = job.state == .cancelled ? .ok : .accepted
        response.headers[.location] = "/jobs/\(job.id)"
        return response
    }

    /// Who may not manage changes only what was submitted with the same key.
    func requireOwn(_ id: JobID, _ exchange: Exchange) async throws {
        guard let key = exchange.caller.key, !key.scopes.contains(.manage) else { return }
        guard try await desk.show(id).submittedBy == key.id else { throw Problem.missingScope(.manage) }
    }
}
