internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /jobs/{id}/cancel`: 200 once the job is cancelled, 202 while its worker is still being told, 409 when it ended otherwise.
extension Reception {
    func cancelJob(_ exchange: Exchange) async throws -> Response {
        let job = try await desk.cancel(exchange.jobID())
        var response = try await document(of: job)
        response.status = job.state == .cancelled ? .ok : .accepted
        response.headers[.location] = "/jobs/\(job.id)"
        return response
    }
}
