package import JobModel
package import RedisWire

/// How a queue stands, by a fixed number of reads: nothing here costs by how many jobs wait.
package struct QueueState: Sendable {
    package let queue: String
    /// Entries that no worker has taken; a cancelled job's entry counts until a claim skips it.
    package let waiting: [JobPriority: Int]
    /// Waiting jobs whose worker died.
    package let suspects: Int
    package let running: Int
    /// Scheduled for a moment that has come, and not queued yet.
    package let due: Int
    package let scheduled: Int
    /// Many are scheduled: how many of them belong to this queue is told by a sample.
    package let isScheduledEstimated: Bool
    /// Behind a limit of the queue, a kind or a concurrency key.
    package let parked: Int
    package let isPaused: Bool
    /// Since the oldest waiting entry was added; nil when none waits.
    package let oldestMilliseconds: Int64?
    /// accepted, completed, failed, cancelled, retried, reclaimed, handed_back: since Redis began.
    package let counters: [String: Int64]

    package var waitingTotal: Int { waiting.values.reduce(suspects, +) }
}

extension JobQueue {
    package func states(of queues: [String]) async throws(RedisError) -> [QueueState] {
        let schedule = try await schedule()
        let paused = try await pausedQueues()
        var states: [QueueState] = []
        for queue in queues {
            let levels = try await streamStates(StreamLevel.allCases.map { keys.stream(queue, $0) })
            let counters = try await redis.command(["HGETALL", .string(keys.stats(queue))]).fields ?? [:]
            let parked = try await parkedJobs(of: queue)
            let byLevel = Dictionary(zip(StreamLevel.allCases, levels), uniquingKeysWith: { first, _ in first })
            states.append(
                QueueState(
                    queue: queue,
                    waiting: Dictionary(
                        JobPriority.allCases.map { ($0, byLevel[StreamLevel($0)]?.unread ?? 0) }, uniquingKeysWith: { first, _ in first }),
                    suspects: byLevel[.suspect]?.unread ?? 0, running: levels.reduce(0) { $0 + $1.held },
                    due: schedule.due[queue] ?? 0, scheduled: schedule.later[queue] ?? 0,
                    isScheduledEstimated: schedule.isEstimated,
                    parked: levels.reduce(parked) { $0 + $1.barred },
                    isPaused: paused.contains(queue), oldestMilliseconds: levels.compactMap(\.age).max(),
                    counters: counters.compactMapValues { Int64($0) }))
        }
        return states
    }

    private func parkedJobs(of queue: String) async throws(RedisError) -> Int {
        let places = try await redis.command(["SMEMBERS", .string(keys.behind("queue:\(queue)"))]).array?.compactMap(\.string) ?? []
        let counts = try await redis.pipeline(places.filter { !$0.hasPrefix(" ") }.map { ["ZCARD", .string(keys.parked($0))] })
        return counts.reduce(0) { $0 + Int(clamping: $1.integer ?? 0) }
    }

    private struct StreamState {
        var unread = 0
        var held = 0
        /// Jobs of concurrency keys beyond the tickets on the stream: their keys are at their limits.
        var barred = 0
        var age: Int64?
    }

    private func streamStates(_ streams: [String]) async throws(RedisError) -> [StreamState] {
        let lengths = try await redis.pipeline(streams.map { ["XLEN", .string($0)] })
        let groups = try await redis.pipeline(streams.map { ["XINFO", "GROUPS", .string($0)] }).map(JobQueue.group)
        let tickets = try await redis.pipeline(streams.map { ["HMGET", .string($0 + ":times"), "+", "-"] })
        let firsts = try await redis.pipeline(
            [["TIME"]]
                + zip(streams, groups).map { ["XRANGE", .string($0), .string($1.map { "(" + $0.last } ?? "-"), "+", "COUNT", 1] })
        let now = (firsts.first?.array).flatMap(JobQueue.milliseconds) ?? Timestamp.now.milliseconds
        return streams.indices.map { index in
            var state = StreamState()
            state.held = groups[index]?.held ?? 0
            state.unread = max(0, Int(clamping: lengths[index].integer ?? 0) - state.held)
            let counts = tickets[index].array?.map { $0.integer ?? 0 } ?? []
            if counts.count == 2 { state.barred = Int(clamping: max(0, counts[1] - max(0, counts[0]))) }
            let first = firsts[index + 1].array?.first?.array?.first?.string
            state.age = first.flatMap { Int64($0.prefix { $0 != "-" }) }.map { max(0, now - $0) }
            return state
        }
    }

    /// Of our group: how many entries workers hold, and the last one that was handed out. Nil: no worker has made the group yet.
    private static func group(_ reply: RedisReply) -> (held: Int, last: String)? {
        for group in reply.array ?? [] {
            let parts = group.array ?? []
            var fields: [String: RedisReply] = [:]
            for index in stride(from: 0, to: parts.count - 1, by: 2) { fields[parts[index].string ?? ""] = parts[index + 1] }
            guard fields["name"]?.string == "workers", let last = fields["last-delivered-id"]?.string else { continue }
            return (Int(clamping: fields["pending"]?.integer ?? 0), last)
        }
        return nil
    }

    private static func milliseconds(_ time: [RedisReply]) -> Int64? {
        guard time.count == 2, let seconds = time[0].integer, let micros = time[1].integer else { return nil }
        return seconds * 1000 + micros / 1000
    }

    /// How the schedule is spread over the queues: exact up to a thousand jobs, beyond that by a random thousand.
    private func schedule() async throws(RedisError) -> (due: [String: Int], later: [String: Int], isEstimated: Bool) {
        let sample = 1000
        let total = Int(clamping: try await redis.command(["ZCARD", .string(keys.scheduled)]).integer ?? 0)
        guard total > 0 else { return ([:], [:], false) }
        let reply = try await redis.command(["ZRANDMEMBER", .string(keys.scheduled), .integer(Int64(sample)), "WITHSCORES"]).array ?? []
        let places = stride(from: 0, to: reply.count - 1, by: 2)
        let queues = try await redis.pipeline(places.map { ["HGET", .string(keys.prefix + "job:" + (reply[$0].string ?? "")), "queue"] })
        let now = Double(Timestamp.now.milliseconds)
        var due: [String: Int] = [:]
        var later: [String: Int] = [:]
        for (place, queue) in zip(places, queues) {
            guard let queue = queue.string else { continue }
            let isDue = (reply[place + 1].string.flatMap(Double.init) ?? 0) <= now
            if isDue { due[queue, default: 0] += 1 } else { later[queue, default: 0] += 1 }
        }
        guard total > sample else { return (due, later, false) }
        return (due.mapValues { $0 * total / sample }, later.mapValues { $0 * total / sample }, true)
    }
}
