package import JobModel
package import RedisWire

extension JobQueue {
    /// Queues scheduled jobs and retries that are due, and wakes what is parked behind a limit that has room. Any number of workers may call it
    /// at once. Returns how many were queued, and when it is worth calling again; nil when only another event can tell.
    package func promote(limit: Int64 = 200) async throws(RedisError) -> (queued: Int, next: Duration?) {
        let reply = try await run(
            Scripts.promote, keys: [keys.scheduled], arguments: [.integer(limit), .string(Timestamp.now.description)])
        guard let parts = reply.array, parts.count == 3, let count = parts[0].integer, let next = parts[1].integer else {
            throw unexpected(Scripts.promote, reply)
        }
        return (Int(clamping: count), next < 0 ? nil : .milliseconds(next))
    }

    /// Queues one scheduled job now, whenever it is due. Returns the state it was in; nil when Redis does not know it.
    package func promote(_ id: JobID) async throws(RedisError) -> JobState? {
        let reply = try await run(
            Scripts.promote, keys: [keys.scheduled], arguments: [1, .string(Timestamp.now.description), .string(id.description)])
        guard let parts = reply.array, parts.count == 3 else { throw unexpected(Scripts.promote, reply) }
        return parts[2].string.flatMap(JobState.init)
    }

    /// Live jobs looked at in one script call.
    static let repairBatch: Int64 = 200

    /// Mends live jobs that a torn log or a lost key left nowhere or without a due time: one batch from a rank on. Returns how many were mended
    /// and the rank to go on at; nil at the end. Cost: one script call of about a millisecond.
    package func repair(from rank: Int64) async throws(RedisError) -> (mended: Int, next: Int64?) {
        let reply = try await run(
            Scripts.repair, keys: [keys.active, keys.scheduled],
            arguments: [.integer(rank), .integer(JobQueue.repairBatch), Timestamp.now.argument, .integer(retentionMilliseconds)])
        guard let parts = reply.array, parts.count == 3, let seen = parts[0].integer, let live = parts[1].integer,
            let mended = parts[2].integer
        else { throw unexpected(Scripts.repair, reply) }
        // What was not live has left the set, so the ranks of the rest moved down.
        return (Int(clamping: mended), seen < JobQueue.repairBatch ? nil : rank + live)
    }

    /// The whole sweep, for a small set, and after a loss; with pauses, so that a million live jobs leave Redis to others.
    package func repair() async throws(RedisError) -> Int {
        var rank: Int64? = 0
        var mended = 0
        var pace = Pace()
        while let from = rank {
            try await pace.wait()
            let part = try await repair(from: from)
            mended += part.mended
            rank = part.next
        }
        return mended
    }
}
