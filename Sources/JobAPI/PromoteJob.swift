internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /jobs/{id}/promote`: a scheduled job is queued now; 409 for any other.
extension Reception {
    func promoteJob(_ exchange: Exchange) async throws -> Response {
        try await document(of: desk.promote(exchange.jobID()))
    }
}
