package import JobModel
package import RedisWire

extension JobQueue {
    private static let subjectBatch = 500

    /// Says what jobs are about, where Redis knows them; nil takes it away. May be repeated. Cost: a round trip for 500 jobs.
    package func setSubject(_ subject: String?, of ids: [JobID]) async throws(RedisError) {
        var rest = ids[...]
        while !rest.isEmpty {
            let part = rest.prefix(JobQueue.subjectBatch)
            rest = rest.dropFirst(part.count)
            _ = try await run(Scripts.subject, keys: part.map { keys.job($0) }, arguments: [.string(subject ?? "")])
        }
    }
}
