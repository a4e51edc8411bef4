package import RedisWire

/// A paused queue takes jobs and gives none; what runs goes on. PostgreSQL keeps it for good; this is applied.
extension JobQueue {
    /// Jobs of the queue that were woken and not claimed yet give back their permits: jobs of other queues may need them.
    package func pause(_ queue: String) async throws(RedisError) {
        try await change([["SADD", .string(keys.paused), .string(queue)]], queue, "paused")
        _ = try await sweepLimits()
    }

    /// What waits for a limit of the queue is looked at at once.
    package func resume(_ queue: String) async throws(RedisError) {
        try await change(
            [
                ["SREM", .string(keys.paused), .string(queue)],
                ["ZADD", .string(keys.parked), "XX", 0, .string("queue:\(queue)")],
            ], queue, "resumed")
        _ = try await promote(limit: 0)
    }

    package func pausedQueues() async throws(RedisError) -> Set<String> {
        Set(try await redis.command(["SMEMBERS", .string(keys.paused)]).array?.compactMap(\.string) ?? [])
    }

    /// The message ends the blocking reads of workers, so that they read from other streams.
    private func change(_ commands: [[RedisArgument]], _ queue: String, _ word: String) async throws(RedisError) {
        let replies = try await redis.pipeline(commands + [["PUBLISH", .string(keys.control), .string("\(word) \(queue)")]])
        if case .error(let error)? = replies.first { throw .server(error) }
    }
}
