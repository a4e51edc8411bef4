package import JobModel
package import RedisWire

extension JobQueue {
    /// Opens a new series of attempts of a job that failed or was cancelled; `job` is the job as it stands after the retry was decided.
    /// One that Redis has forgotten is made anew. False: it is not at its end any more.
    package func retry(_ job: Job) async throws(RedisError) -> Bool {
        let before = try await self.job(job.id)
        let ended = before?.endEvent ?? JobEvent(.failed)
        let reply = try await run(
            Scripts.retry, keys: [keys.job(job.id), keys.active, keys.dead],
            arguments: [
                .string(job.id.description), .string(Timestamp.now.description), .string(ended.unnumbered), .string(job.priority.rawValue),
            ])
        switch reply.integer {
        case 1: return true
        case 2: return false
        case 0: return try await enqueue(job) == .accepted
        default: throw unexpected(Scripts.retry, reply)
        }
    }
}
