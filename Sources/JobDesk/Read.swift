internal import JobLedger
package import JobModel
package import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// The reading rule: a terminal state in Redis is believed; a recorded job that Redis calls live is asked of SQL too, and a terminal row wins.
    /// When a store that could know better is away the answer is an error, never a step back.
    package func read(_ id: JobID) async throws(DeskError) -> Job {
        let live: Job?
        do { live = try await queue.job(id) } catch { return try await readWithoutRedis(id, error) }
        if let live, live.state.isTerminal || !live.isRecorded { return live }
        let row = try await asking(postgres: { () throws(PostgresError) in try await ledger.job(id) })
        switch (live, row) {
        case (_, let row?) where row.state.isTerminal: return row.numbered(by: live)
        case (let live?, _): return live
        case (nil, let row?): return row
        case (nil, nil): throw .notFound(id)
        }
    }

    /// The same for those who only look: what cannot be read of a row is left out, and named in `unreadable`. Whoever changes a job asks `read`.
    package func show(_ id: JobID) async throws(DeskError) -> Job {
        do { return try await read(id) } catch {
            guard case .unreadableRow = error else { throw error }
            guard let row = try await asking(postgres: { () throws(PostgresError) in try await ledger.shownJob(id) }) else { throw error }
            guard !row.state.isTerminal, let live = try? await queue.job(id) else { return row }
            return live
        }
    }

    /// Those of the jobs that exist, by the same rule, with one round trip to each store.
    package func read(_ ids: [JobID]) async throws(DeskError) -> [JobID: Job] {
        guard !ids.isEmpty else { return [:] }
        var found = try await asking(redis: { () throws(RedisError) in try await queue.jobs(ids) })
        let uncertain = Set(ids).filter { id in found[id].map { $0.isRecorded && !$0.state.isTerminal } ?? true }
        let rows = try await asking(postgres: { () throws(PostgresError) in try await ledger.jobs(Array(uncertain)) })
        for (id, row) in rows where row.state.isTerminal || found[id] == nil { found[id] = row.numbered(by: found[id]) }
        return found
    }

    /// Redis is away: an end that SQL knows is final; anything else might have gone on.
    private func readWithoutRedis(_ id: JobID, _ error: RedisError) async throws(DeskError) -> Job {
        let row = try await asking(postgres: { () throws(PostgresError) in try await ledger.job(id) })
        if let row, row.state.isTerminal { return row }
        throw DeskError(error)
    }

    /// Every event after number `sequence`. A job that only SQL still knows has one: its end. One that Redis loses meanwhile is waited for.
    package func events(of id: JobID, after sequence: Int64?, withTokens: Bool = false) async throws(DeskError) -> JobWatch {
        try await events(of: read(id), after: sequence, withTokens: withTokens)
    }

    /// The same for a job that was just read.
    package func events(of job: Job, after sequence: Int64?, withTokens: Bool = false) async throws(DeskError) -> JobWatch {
        if let end = await onlyEvent(of: job) { return JobWatch([end]) }
        return try await asking(redis: { () throws(RedisError) in
            try await queue.watch(job.id, after: sequence, withTokens: withTokens, row: { await row(of: $0, elseLive: job) })
        })
    }

    /// The same for who watches many jobs: into `box`, under `mark`. Nil when all there is was put there.
    package func watch(
        _ job: Job, after sequence: Int64?, withTokens: Bool, into box: EventBox, mark: Int
    ) async throws(DeskError) -> WatchPlace? {
        if let end = await onlyEvent(of: job) {
            if sequence != end.sequence { _ = box.post(end, mark) }
            box.postEnd(mark)
            return nil
        }
        return try await asking(redis: { () throws(RedisError) in
            try await queue.watch(
                job.id, after: sequence, withTokens: withTokens, into: box, mark: mark, row: { await row(of: $0, elseLive: job) })
        })
    }

    /// The end of a job that only SQL still knows.
    private func onlyEvent(of job: Job) async -> WatchedEvent? {
        guard let end = job.endEvent, (try? await queue.known([job.id]))?.isEmpty != false else { return nil }
        let sequence = max(job.sequence, 1)
        return WatchedEvent(sequence: sequence, name: job.state.rawValue, json: end.numbered(sequence))
    }

    /// An SQL that does not answer leaves the job as it was: the watch goes on.
    private func row(of id: JobID, elseLive job: Job) async -> Job? {
        guard job.isRecorded else { return nil }
        do { return try await ledger.job(id) } catch { return job.state.isTerminal ? nil : job }
    }

    /// The numbered events that are still kept, oldest first.
    package func log(of id: JobID) async throws(DeskError) -> [JSONValue] {
        let history = try await asking(redis: { () throws(RedisError) in try await queue.history(of: id) })
        return history?.events.compactMap { try? JSONReader.read($0.json, depth: 256) } ?? []
    }
}

extension Job {
    /// Rows have no numbers of events. Where Redis has still to hear of the end it counts on: the end will be the next one.
    fileprivate func numbered(by live: Job?) -> Job {
        guard let live else { return self }
        var job = self
        job.sequence = live.sequence + (live.state.isTerminal ? 0 : 1)
        return job
    }
}
