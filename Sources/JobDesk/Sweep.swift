internal import JobLedger
internal import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

/// The other direction: what has ended in SQL ends in Redis too, for its hash and for those who watch it.
extension JobDesk {
    /// One portion of the live jobs: those whose rows ended a while ago are closed. Returns how many, and the rank to go on at; nil at the end.
    /// A settlement that is still on its way is given the time to come by itself.
    package func closeEnded(from rank: Int64, limit: Int64 = 300, grace: Int64 = 10_000) async throws(DeskError) -> (
        closed: Int, next: Int64?
    ) {
        let ids = try await asking(redis: { () throws(RedisError) in try await queue.liveIDs(from: rank, limit: limit) })
        let before = Timestamp.now.advanced(byMilliseconds: -grace)
        var closed = 0
        for row in try await ended(ids, before: before) {
            if try await asking(redis: { () throws(RedisError) in try await queue.close(row) }) { closed += 1 }
        }
        return (closed, ids.count < Int(limit) ? nil : rank + limit - Int64(closed))
    }

    /// Jobs that are watched, that Redis has lost, and whose rows have ended: their watchers are told. Returns how many jobs.
    package func endLostWatches() async throws(DeskError) -> Int {
        let watched = try await asking(redis: { () throws(RedisError) in try await queue.watchedJobs() })
        var told = 0
        for start in stride(from: 0, to: watched.count, by: 300) {
            let part = Array(watched[start..<min(start + 300, watched.count)])
            let known = try await asking(redis: { () throws(RedisError) in try await queue.known(part) })
            for row in try await ended(part.filter { !known.contains($0) }, before: .now) {
                try await asking(redis: { () throws(RedisError) in try await queue.publishEnd(of: row) })
                told += 1
            }
        }
        return told
    }

    private func ended(_ ids: [JobID], before: Timestamp) async throws(DeskError) -> [Job] {
        guard !ids.isEmpty else { return [] }
        return try await asking(postgres: { () throws(PostgresError) in try await ledger.endedJobs(among: ids, before: before) })
    }
}
