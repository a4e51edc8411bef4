internal import JobLedger
internal import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

/// What the end of a job means for those that wait for it: SQL decides who goes on, Redis follows.
/// A crash anywhere in between leaves work for `SweepFlows.swift`, never a job that waits for ever.
extension JobDesk {
    /// To be called after SQL has the end of a job with a place in a flow. An error is not the caller's: its own job has ended well.
    func releaseChildren(of ended: JobID) async {
        do throws(DeskError) {
            let children = try await asking(postgres: { () throws(PostgresError) in try await ledger.releaseChildren(of: ended) })
            try await follow(children)
        } catch {
            logger.warning(
                "Jobs that wait for an ended one could not go on yet; the sweep will let them go",
                metadata: ["job_id": "\(ended)", "error": "\(error)"])
        }
    }

    func release(from ended: [JobID]) async throws(DeskError) {
        try await follow(try await asking(postgres: { () throws(PostgresError) in try await ledger.releaseChildren(of: ended) }))
    }

    /// Brings Redis in line with rows that have just left `waiting`. Those that were cancelled because of a parent may have children of
    /// their own: level by level down the graph.
    func follow(_ released: [Job]) async throws(DeskError) {
        var level = released
        while !level.isEmpty {
            let cancelled = level.filter { $0.state == .cancelled }
            let ready = level.filter { $0.state == .queued || $0.state == .scheduled }
            _ = try await asking(redis: { () throws(RedisError) in try await queue.ready(ready) })
            try await inParallel(cancelled) { (job) throws(RedisError) in _ = try await queue.endUnclaimed(job.id, because: job.reason) }
            level = try await asking(postgres: { () throws(PostgresError) in try await ledger.releaseChildren(of: cancelled.map(\.id)) })
        }
    }

    /// Redis pipelines what is asked at once: a hundred calls cost about one round trip.
    func inParallel<Item: Sendable>(
        _ items: [Item], _ call: @escaping @Sendable (Item) async throws(RedisError) -> Void
    ) async throws(DeskError) {
        var rest = items[...]
        while !rest.isEmpty {
            let part = rest.prefix(100)
            rest = rest.dropFirst(100)
            let failures = await withTaskGroup(of: RedisError?.self) { group in
                for item in part {
                    group.addTask {
                        do throws(RedisError) { try await call(item) } catch { return error }
                        return nil
                    }
                }
                return await group.reduce(into: [RedisError]()) { if let error = $1 { $0.append(error) } }
            }
            if let first = failures.first { throw DeskError(first) }
        }
    }
}

extension Job {
    /// Why the row says that it was cancelled.
    fileprivate var reason: JobFailure {
        JobFailure(.cancelled, type: errorType ?? "cancelled", error ?? "The job was cancelled")
    }
}
