package import RedisWire

extension JobQueue {
    /// Entries looked at in one script call.
    private static let passedBatch: Int64 = 200

    /// Mends entries that the group has passed and nobody holds, as a torn log can leave them: what still waits is queued again, the rest goes.
    /// Returns how many there were. Cost: by what workers hold on these streams, not by what waits.
    package func mendPassed(_ streams: [String]) async throws(RedisError) -> Int {
        var mended = 0
        for stream in streams {
            var from = "-"
            while !from.isEmpty {
                let reply = try await run(
                    Scripts.passed, keys: [stream, keys.active], arguments: [.string(from), .integer(JobQueue.passedBatch)])
                guard let parts = reply.array, parts.count == 3, let next = parts[0].string, let back = parts[1].integer,
                    let away = parts[2].integer
                else { throw unexpected(Scripts.passed, reply) }
                mended += Int(clamping: back + away)
                from = next
            }
        }
        return mended
    }
}
