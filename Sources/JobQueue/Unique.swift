package import JobModel
package import RedisWire

extension JobQueue {
    /// Longer than accepting a row takes; shorter than anybody waits for a key that a crash left behind. Whoever is slower is refused by SQL,
    /// where the rows hold their keys; a crash in between keeps the key from others no longer than this.
    static let reservationMilliseconds: Int64 = 30_000

    /// Holds a job's unique key until the job is enqueued. Nil: it is held now; otherwise the living job that has it.
    package func reserveUnique(_ job: Job) async throws(RedisError) -> JobID? {
        try await reserve(job, for: JobQueue.reservationMilliseconds)
    }

    /// The job is not accepted after all.
    package func releaseUnique(_ job: Job) async throws(RedisError) {
        _ = try await reserve(job, for: 0)
    }

    private func reserve(_ job: Job, for milliseconds: Int64) async throws(RedisError) -> JobID? {
        guard let uniqueness = job.uniqueness else { return nil }
        let key = keys.unique(job.kind, uniqueness.key)
        let reply = try await run(
            Scripts.reserve, keys: [key],
            arguments: [
                .string(String(key.dropFirst(keys.prefix.count))), .string(job.id.description), .integer(milliseconds),
            ])
        guard let holder = reply.string else { throw unexpected(Scripts.reserve, reply) }
        return JobID(holder)
    }
}
