package import RedisWire

/// A paused queue takes jobs and gives none; what runs goes on. PostgreSQL keeps it for good; this is applied.
extension JobQueue {
    package func pause(_ queue: String) async throws(RedisError) {
        try await change("SADD", queue, "paused")
    }

    package func resume(_ queue: String) async throws(RedisError) {
        try await change("SREM", queue, "resumed")
    }

    package func pausedQueues() async throws(RedisError) -> Set<String> {
        Set(try await redis.command(["SMEMBERS", .string(keys.paused)]).array?.compactMap(\.string) ?? [])
    }

    /// The message ends the blocking reads of workers, so that they read from other streams.
    private func change(_ command: RedisArgument, _ queue: String, _ word: String) async throws(RedisError) {
        let replies = try await redis.pipeline([
            [command, .string(keys.paused), .string(queue)], ["PUBLISH", .string(keys.control), .string("\(word) \(queue)")],
        ])
        if case .error(let error)? = replies.first { throw .server(error) }
    }
}
