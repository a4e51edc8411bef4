internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `GET /jobs/{id}/attempts` and `/log`: what happened to a job, as far as it is still known.
extension Reception {
    func readAttempts(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.jobID()
        let history = try await desk.attempts(of: id)
        return Response([
            "job_id": .string(id.description), "attempts": .array(history.attempts.map(ListJobs.attempt)),
            "complete": .boolean(history.isComplete),
        ])
    }

    func readLog(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.jobID()
        let log = try await desk.history(of: id)
        return Response(["job_id": .string(id.description), "events": .array(log.events), "complete": .boolean(log.isComplete)])
    }
}
