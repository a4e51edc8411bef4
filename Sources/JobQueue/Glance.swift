package import JobModel
package import RedisWire

/// One field of many jobs, by one pipelined read.
extension JobQueue {
    /// Jobs that Redis does not know are missing.
    package func states(of ids: [JobID]) async throws(RedisError) -> [JobID: JobState] {
        try await field("status", of: ids).compactMapValues { JobState(rawValue: $0) }
    }

    /// Per cent.
    package func progress(of ids: [JobID]) async throws(RedisError) -> [JobID: Double] {
        try await field("progress", of: ids).compactMapValues { Double($0) }
    }

    private func field(_ name: String, of ids: [JobID]) async throws(RedisError) -> [JobID: String] {
        guard !ids.isEmpty else { return [:] }
        let replies = try await redis.pipeline(ids.map { ["HGET", .string(keys.job($0)), .string(name)] })
        return Dictionary(
            zip(ids, replies).compactMap { id, reply in reply.string.map { (id, $0) } }, uniquingKeysWith: { first, _ in first })
    }
}
