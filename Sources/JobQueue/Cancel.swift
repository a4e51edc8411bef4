package import JobModel
package import RedisWire

extension JobQueue {
    /// Asks a job to stop and tells the workers. Returns the state it was in; nil when Redis does not know it.
    package func requestCancel(_ id: JobID) async throws(RedisError) -> JobState? {
        try await cancel(id, "request", JobEvent(.cancelling))
    }

    /// Ends a job that no worker holds; a running one is left to its worker. Returns the state it was in.
    package func endUnclaimed(_ id: JobID, because failure: JobFailure) async throws(RedisError) -> JobState? {
        try await cancel(id, "end", JobOutcome.cancelled(failure).event(attempt: 0, at: .now), failure)
    }

    private func cancel(_ id: JobID, _ mode: String, _ event: JobEvent, _ failure: JobFailure? = nil) async throws(RedisError) -> JobState?
    {
        let reply = try await run(
            Scripts.cancel, keys: [keys.job(id), keys.active, keys.scheduled, keys.control],
            arguments: [
                .string(id.description), .string(mode), event.timestamp.argument, .integer(retentionMilliseconds),
                .string(event.unnumbered), .string(failure?.message ?? ""), .string(failure?.type ?? ""),
            ])
        return reply.string.flatMap(JobState.init)
    }

    /// Which of these running jobs were asked to stop: the fallback for a cancel message that was lost on the way.
    package func cancelRequests(among ids: [JobID]) async throws(RedisError) -> [JobID] {
        let replies = try await redis.pipeline(ids.map { ["HGET", .string(keys.job($0)), "cancel_requested"] })
        return zip(ids, replies).filter { $0.1.string == "1" }.map(\.0)
    }

    /// Messages to all workers: `cancel <job id>`, `paused <queue>`, `resumed <queue>`, `drain <worker>`.
    package func control() async throws(RedisError) -> RedisSubscription {
        try await subscriber.subscribe(keys.control)
    }
}
