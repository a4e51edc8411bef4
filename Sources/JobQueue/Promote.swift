internal import JobModel
package import RedisWire

extension JobQueue {
    /// Queues scheduled jobs and retries that are due; returns how many. Any number of workers may call it at once.
    package func promote(limit: Int64 = 1000) async throws(RedisError) -> Int {
        let reply = try await run(
            Scripts.promote, keys: [keys.scheduled], arguments: [.integer(limit), .string(Timestamp.now.description)])
        guard let count = reply.integer else { throw unexpected(Scripts.promote, reply) }
        return Int(clamping: count)
    }

    /// Mends live jobs that a torn log or a lost key left without an entry or a due time; returns how many.
    /// Cost: one script for each 200 live jobs.
    package func repair() async throws(RedisError) -> Int {
        var rank: Int64 = 0
        var mended = 0
        while true {
            let reply = try await run(
                Scripts.repair, keys: [keys.active, keys.scheduled],
                arguments: [.integer(rank), 200, Timestamp.now.argument, .integer(retentionMilliseconds)])
            guard let parts = reply.array, parts.count == 2, let seen = parts[0].integer, let fixed = parts[1].integer else {
                throw unexpected(Scripts.repair, reply)
            }
            mended += Int(clamping: fixed)
            rank += seen
            if seen < 200 { return mended }
        }
    }
}
