package import JobModel
package import RedisWire

/// Where a queued job stands, as things are now: jobs that come later may be more urgent.
package struct QueuePosition: Sendable, Hashable {
    /// 1 is the next one.
    package let number: Int
    /// Told by times, not counted.
    package let isEstimate: Bool

    package init(number: Int, isEstimate: Bool) {
        self.number = number
        self.isEstimate = isEstimate
    }
}

/// What it takes to say how many jobs come before a new one.
package struct QueueGlance: Sendable, Hashable {
    /// Entries that no worker has taken.
    package var waiting: [StreamLevel: Int] = [:]
    package var isPaused = false

    package init() {}
}

extension JobQueue {
    /// Entries counted one by one.
    private static let countedEntries: Int64 = 200

    /// Nil: the job is not queued. Of a job behind a limit or with a concurrency key: its place among those it waits with.
    /// Cost: one script call of some hundredths of a millisecond.
    package func position(of id: JobID) async throws(RedisError) -> QueuePosition? {
        let reply = try await run(
            Scripts.position, keys: [keys.job(id)], arguments: [.string(id.description), .integer(JobQueue.countedEntries)])
        guard let parts = reply.array else { throw unexpected(Scripts.position, reply) }
        guard parts.count == 2, let before = parts[0].integer else { return nil }
        return QueuePosition(number: Int(clamping: before) + 1, isEstimate: parts[1].integer == 1)
    }

    /// One round trip, however much waits.
    package func glance(at queue: String) async throws(RedisError) -> QueueGlance {
        let streams = StreamLevel.ordinary.map { RedisArgument.string(keys.stream(queue, $0)) }
        let replies = try await redis.pipeline(
            streams.map { ["XLEN", $0] } + streams.map { ["XPENDING", $0, "workers"] }
                + [["SISMEMBER", .string(keys.paused), .string(queue)]])
        var glance = QueueGlance()
        for (index, level) in StreamLevel.ordinary.enumerated() where replies.count > streams.count + index {
            let held = replies[streams.count + index].array?.first?.integer ?? 0
            glance.waiting[level] = Int(clamping: max(0, (replies[index].integer ?? 0) - held))
        }
        glance.isPaused = replies.last?.integer == 1
        return glance
    }
}
