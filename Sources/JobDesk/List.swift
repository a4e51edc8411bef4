internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

/// Lists follow the reading rule: a terminal row is never overruled, a live one is shown as Redis has it, and a list that would need a
/// store that is away is an error. Jobs that are added meanwhile stand above the cursor: paging neither repeats nor loses any.
extension JobDesk {
    /// Live jobs that one page looks at in Redis to find those without a row.
    private static let maxScan = 4_000
    /// Dead letters of Redis that a count, or a retry of many, looks at.
    private static let maxLetters = 40_000

    /// A search goes on below where few jobs fit, for as long as nobody notices.
    private static func patience(_ filter: JobFilter) -> Duration? { filter.search == nil ? nil : .milliseconds(25) }

    /// Newest first, recorded ones and live unrecorded ones. `whole`: with input and result.
    package func list(_ filter: JobFilter, below: JobPosition?, limit: Int, whole: Bool = false) async throws(DeskError) -> JobPage {
        let list = MergedList(
            patience: JobDesk.patience(filter),
            rows: { below, limit throws(DeskError) in try await rows(filter, below, limit, whole) },
            unrecorded: { below, floor throws(DeskError) in
                guard !filter.isAboutEnded, mayListUnrecorded(filter) else { return MergedList.Section() }
                return try await unrecorded(filter, below, floor, whole, by: \.createdAt) { below, limit throws(RedisError) in
                    try await queue.liveJobs(below: below, limit: limit)
                }
            })
        return try await list.page(below: below, limit: limit)
    }

    /// What failed last comes first; of unrecorded kinds as long as Redis keeps them.
    package func deadLetters(_ filter: JobFilter, below: JobPosition?, limit: Int, whole: Bool = false) async throws(DeskError) -> JobPage {
        var filter = filter
        filter.states = [.failed]
        let wanted = filter
        let list = MergedList(
            patience: JobDesk.patience(filter),
            rows: { below, limit throws(DeskError) in
                let found = try await found(wanted, by: .failed, below, limit, nil, whole)
                return MergedList.Section(found: found.found, bottom: found.bottom)
            },
            unrecorded: { below, floor throws(DeskError) in
                guard mayListUnrecorded(wanted) else { return MergedList.Section() }
                return try await unrecorded(wanted, below, floor, whole, by: \.endedAt) { below, limit throws(RedisError) in
                    try await queue.deadLetters(below: below, limit: limit)
                }
            })
        return try await list.page(below: below, limit: limit)
    }

    /// Dead letters that only Redis has, at most so many, among the last so many that failed. Their inputs are not read.
    func unrecordedDeadLetters(_ filter: JobFilter, atMost most: Int) async throws(DeskError) -> [JobID] {
        guard mayListUnrecorded(filter) else { return [] }
        var filter = filter
        filter.states = [.failed]
        var found: [JobID] = []
        var place: JobPosition?
        var looked = 0
        repeat {
            looked += JobDesk.maxScan
            let section = try await unrecorded(filter, place, nil, false, by: \.endedAt) { below, limit throws(RedisError) in
                try await queue.deadLetters(below: below, limit: limit)
            }
            found += section.found.map(\.job.id)
            place = section.bottom
        } while place != nil && found.count < most && looked < JobDesk.maxLetters
        return Array(found.prefix(most))
    }

    private func rows(_ filter: JobFilter, _ below: JobPosition?, _ limit: Int, _ whole: Bool) async throws(DeskError)
        -> MergedList.Section
    {
        let (asked, dueBy) = JobDesk.rowStates(filter)
        let rows = try await found(asked, by: .created, below, limit, dueBy, whole)
        let live = rows.found.map(\.job).filter { !$0.state.isTerminal }.map(\.id)
        let states = try await asking(redis: { () throws(RedisError) in try await queue.overviews(of: live) })
        let found = rows.found.map { ListedJob($0.job.overlaid(by: states[$0.job.id]), at: $0.position) }
        return MergedList.Section(found: found.filter { filter.admits($0.job, at: $0.job.createdAt) }, bottom: rows.bottom)
    }

    /// A job that was due is queued in Redis before its row says so.
    private static func rowStates(_ filter: JobFilter) -> (JobFilter, dueBy: Timestamp?) {
        guard filter.states.contains(.queued), !filter.states.contains(.scheduled) else { return (filter, nil) }
        var asked = filter
        asked.states.insert(.scheduled)
        return (asked, .now)
    }

    private func mayListUnrecorded(_ filter: JobFilter) -> Bool {
        guard filter.flow == nil, filter.search == nil else { return false }
        return catalogue.kinds.contains { !$0.isRecorded && (filter.kinds.isEmpty || filter.kinds.contains($0.name)) }
    }

    /// Goes down a sorted set of Redis and picks the jobs that have no row.
    private func unrecorded(
        _ filter: JobFilter, _ below: JobPosition?, _ floor: JobPosition?, _ whole: Bool, by time: (Job) -> Timestamp,
        _ next: (JobPosition?, Int) async throws(RedisError) -> [JobPosition]
    ) async throws(DeskError) -> MergedList.Section {
        var section = MergedList.Section(bottom: below)
        var looked = 0
        while looked < JobDesk.maxScan {
            let from = section.bottom
            let members = try await asking(redis: { () throws(RedisError) in try await next(from, 500) })
            let inside = members.filter { place in floor.map { place >= $0 } != false && filter.since.map { place.time >= $0 } != false }
            let jobs = try await asking(redis: { () throws(RedisError) in
                try await queue.unrecorded(among: inside.map(\.id), whole: whole)
            })
            section.found += inside.compactMap { place in jobs[place.id].map { ListedJob($0, at: place) } }
                .filter { filter.admits($0.job, at: time($0.job)) }
            if inside.count < members.count || members.isEmpty {
                section.bottom = nil
                return section
            }
            section.bottom = inside.last
            looked += members.count
        }
        return section
    }
}

extension JobPosition {
    fileprivate var time: Timestamp { Timestamp(milliseconds: microseconds / 1000) }
}

extension Job {
    fileprivate var endedAt: Timestamp { finishedAt ?? updatedAt }

    /// A live row with what Redis knows better. A terminal row, and one that Redis does not know, stay as they are.
    fileprivate func overlaid(by live: Job?) -> Job {
        guard let live, !state.isTerminal else { return self }
        var job = self
        job.state = live.state
        job.progress = live.progress
        job.step = live.step
        job.message = live.message
        job.attempt = live.attempt
        job.uncharged = live.uncharged
        job.worker = live.worker
        job.error = live.error
        job.errorType = live.errorType
        job.scheduledAt = live.scheduledAt
        job.startedAt = live.startedAt
        job.updatedAt = live.updatedAt
        job.finishedAt = live.finishedAt
        job.sequence = live.sequence
        job.cancelRequested = live.cancelRequested
        return job
    }
}
