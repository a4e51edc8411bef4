package import JobModel
package import RedisWire

/// What the whole fleet knows of how long jobs take: a small hash for each kind, `bucket` to count.
extension JobQueue {
    /// A history of more durations than this is halved.
    package static let fullHistory: Int64 = 2_000

    /// Adds what a worker noted. Cost: one script a kind, however many jobs it stands for.
    package func addDurations(_ history: DurationHistory, of kind: String) async throws(RedisError) {
        _ = try await changeDurations("add", history, of: kind)
    }

    /// Begins the history of a kind that has none; false: it has one.
    package func seedDurations(_ history: DurationHistory, of kind: String) async throws(RedisError) -> Bool {
        try await changeDurations("seed", history, of: kind) >= 0
    }

    /// The histories of kinds, in their order; nil for a kind without one. One round trip.
    package func durations(of kinds: [String]) async throws(RedisError) -> [DurationHistory?] {
        let replies = try await redis.pipeline(kinds.map { ["HGETALL", .string(keys.durations($0))] })
        return replies.map { reply in
            guard let fields = reply.fields, !fields.isEmpty else { return nil }
            return DurationHistory(
                counts: fields.compactMap { name, value in
                    guard let bucket = Int(name), let count = Int64(value) else { return nil }
                    return (bucket, count)
                })
        }
    }

    private func changeDurations(_ mode: RedisArgument, _ history: DurationHistory, of kind: String) async throws(RedisError) -> Int64 {
        let counts = history.filled.flatMap { [RedisArgument.integer(Int64($0.bucket)), .integer($0.count)] }
        let reply = try await run(
            Scripts.durations, keys: [keys.durations(kind)], arguments: [mode, .integer(JobQueue.fullHistory)] + counts)
        guard let total = reply.integer else { throw unexpected(Scripts.durations, reply) }
        return total
    }
}
