package import JobModel
package import RedisWire

/// What lists read of live jobs and of dead letters that only Redis has. Reads only; each call is one or two pipelined round trips.
extension JobQueue {
    /// Those of the jobs that Redis knows, without input, metadata and result.
    package func overviews(of ids: [JobID]) async throws(RedisError) -> [JobID: Job] {
        try await hashes(of: ids, JobHash.stateNames)
    }

    /// Those of the jobs that Redis knows and that have no row; without input and result unless `whole`.
    package func unrecorded(among ids: [JobID], whole: Bool) async throws(RedisError) -> [JobID: Job] {
        let policies = try await redis.pipeline(ids.map { ["HGET", .string(keys.job($0)), "policy"] })
        let others = zip(ids, policies).filter { $0.1.string.map(JobHash.isRecorded) == false }.map(\.0)
        return try await hashes(of: others, whole ? JobHash.stateNames + JobHash.contentNames : JobHash.stateNames + ["metadata"])
    }

    private func hashes(of ids: [JobID], _ names: [String]) async throws(RedisError) -> [JobID: Job] {
        let replies = try await redis.pipeline(ids.map { id in ["HMGET", .string(keys.job(id))] + names.map(RedisArgument.string) })
        var found: [JobID: Job] = [:]
        for (id, reply) in zip(ids, replies) {
            guard let values = reply.array else { continue }
            let present = zip(names, values).compactMap { name, value in value.string.map { (name, $0) } }
            found[id] = JobHash.job(from: Dictionary(uniqueKeysWithValues: present))
        }
        return found
    }

    /// Live jobs below a position, newest first.
    package func liveJobs(below: JobPosition?, limit: Int) async throws(RedisError) -> [JobPosition] {
        try await members(of: keys.active, below: below, limit: limit)
    }

    /// Dead letters below a position, those that failed last first.
    package func deadLetters(below: JobPosition?, limit: Int) async throws(RedisError) -> [JobPosition] {
        try await members(of: keys.dead, below: below, limit: limit)
    }

    /// The scores are milliseconds. Members of one score come in the order of their ids, as in SQL. Reads always from the score of the
    /// position, never by an offset, so that nothing is skipped while members go; more at once where many share that score.
    private func members(of key: String, below: JobPosition?, limit: Int) async throws(RedisError) -> [JobPosition] {
        let top: RedisArgument = below.map { .integer($0.microseconds / 1000) } ?? "+inf"
        var count = limit
        while true {
            let reply = try await redis.command([
                "ZREVRANGEBYSCORE", .string(key), top, "-inf", "WITHSCORES", "LIMIT", 0, .integer(Int64(count)),
            ])
            let found = JobQueue.positions(reply)
            let fresh = found.filter { position in below.map { position < $0 } != false }
            if !fresh.isEmpty || found.count < count || count > 1_000_000 { return Array(fresh.prefix(limit)) }
            count *= 4
        }
    }

    private static func positions(_ reply: RedisReply) -> [JobPosition] {
        let parts = reply.array ?? []
        return stride(from: 0, to: parts.count - 1, by: 2).compactMap { index in
            guard let id = parts[index].string.flatMap(JobID.init), let score = parts[index + 1].string.flatMap(Double.init),
                let milliseconds = Int64(exactly: score.rounded())
            else { return nil }
            return JobPosition(at: Timestamp(milliseconds: milliseconds), id: id)
        }
    }
}
