package import JobModel
package import RedisWire

/// Bringing Redis in line with rows that have ended without it, in small portions.
extension JobQueue {
    /// Live jobs in the order of their creation, from a rank on.
    package func liveIDs(from rank: Int64, limit: Int64) async throws(RedisError) -> [JobID] {
        let reply = try await redis.command(["ZRANGE", .string(keys.active), .integer(rank), .integer(rank + limit - 1)])
        return reply.array?.compactMap { $0.string.flatMap(JobID.init) } ?? []
    }

    /// Ends a job as its row says. False: it has ended here too, or is gone.
    package func close(_ row: Job) async throws(RedisError) -> Bool {
        guard let event = row.endEvent else { return false }
        let isCompleted = row.state == .completed
        let reply = try await run(
            Scripts.close, keys: [keys.job(row.id), keys.active, keys.scheduled],
            arguments: [
                .string(row.id.description), .string(row.state.rawValue), (row.finishedAt ?? row.updatedAt).argument,
                .integer(retentionMilliseconds), .string(event.unnumbered),
                .string(isCompleted ? (row.result ?? [:]).serialized : row.error ?? ""), .string(row.errorType ?? ""),
            ])
        return reply.integer == 1
    }

    /// Jobs that somebody is watching now. Cost: by watchers, not by jobs.
    package func watchedJobs() async throws(RedisError) -> [JobID] {
        let head = keys.prefix + "job:"
        let tail = ":events"
        let pattern = String(keys.prefix.flatMap { "*?[]\\".contains($0) ? ["\\", $0] : [$0] }) + "job:*" + tail
        let channels = try await redis.command(["PUBSUB", "CHANNELS", .string(pattern)]).array?.compactMap(\.string) ?? []
        return channels.compactMap { JobID(String($0.dropFirst(head.count).dropLast(tail.count))) }
    }

    /// Tells the watchers of a job that Redis does not know any more how it ended. Its number is above all that any attempt told.
    package func publishEnd(of row: Job) async throws(RedisError) {
        guard let event = row.endEvent else { return }
        let number = (Int64(row.attempt) + 1) * 1_000_000
        _ = try await redis.command(["PUBLISH", .string(keys.events(row.id)), .string(event.numbered(number))])
    }
}
