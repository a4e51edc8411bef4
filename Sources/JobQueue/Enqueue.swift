package import JobModel
package import RedisWire

package enum Enqueued: Sendable, Hashable {
    case accepted
    /// The id is taken: the same job, submitted or queued again.
    case exists(JobState)
    /// Unrecorded kinds: the same key and request before.
    case repeated(JobID)
    case conflict(JobID)
}

extension JobQueue {
    /// How long an idempotency key of an unrecorded kind is remembered.
    static let idempotencyMilliseconds: Int64 = 86_400_000

    /// Puts a job on its stream, or on the schedule when `scheduledAt` lies ahead. Create-if-absent by id: may be repeated.
    package func enqueue(_ job: Job, idempotency: IdempotencyKey? = nil) async throws(RedisError) -> Enqueued {
        let due = job.scheduledAt.map { $0 > .now ? $0.milliseconds : 0 } ?? 0
        let state: JobState = due > 0 ? .scheduled : .queued
        let event = JobEvent(due > 0 ? .scheduled : .queued, ["status": .string(state.rawValue), "kind": .string(job.kind)])
        var keys = [self.keys.job(job.id), self.keys.stream(job.queue, StreamLevel(job.priority))]
        keys += [self.keys.active, self.keys.scheduled, self.keys.stats(job.queue)]
        if let idempotency { keys.append(self.keys.idempotency(idempotency)) }
        let arguments: [RedisArgument] = [
            .string(job.id.description), .string(job.kind), .integer(due), job.createdAt.argument, .string(event.unnumbered),
            .string(idempotency?.fingerprint ?? ""), .integer(JobQueue.idempotencyMilliseconds),
        ]
        let reply = try await run(Scripts.enqueue, keys: keys, arguments: arguments + JobHash.fields(of: job))
        guard let parts = reply.array, parts.count == 2, let code = parts[0].integer, let text = parts[1].string else {
            throw unexpected(Scripts.enqueue, reply)
        }
        switch (code, JobState(rawValue: text), JobID(text)) {
        case (1, _, _): return .accepted
        case (0, let state?, _): return .exists(state)
        case (2, _, let id?): return .repeated(id)
        case (3, _, let id?): return .conflict(id)
        default: throw unexpected(Scripts.enqueue, reply)
        }
    }

    /// Removes an entry that another program added, after it was adopted under a job of our own.
    package func discard(stream: String, entry: String) async throws(RedisError) {
        _ = try await redis.pipeline([
            ["XACK", .string(stream), "workers", .string(entry)], ["XDEL", .string(stream), .string(entry)],
        ])
    }
}
