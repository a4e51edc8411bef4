internal import JobLedger
package import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

/// How a job that has ended begins again: the row first, then Redis. Attempt numbers go on; the new series has all attempts of the policy.
extension JobDesk {
    /// Queues a failed or cancelled job again. One that lives already is returned as it is, so that the call may be repeated.
    package func retry(_ id: JobID) async throws(DeskError) -> Job {
        let job = try await read(id)
        guard job.state != .completed else { throw .notRetryable(job) }
        guard job.state.isTerminal else { return job }
        try await chargeAgain(job)
        return job.isRecorded ? try await retryRecorded(job) : try await retryUnrecorded(job)
    }

    /// To its submitter it is one more job: else a quota would be worth nothing. To others' accounts it is nothing.
    private func chargeAgain(_ job: Job) async throws(DeskError) {
        guard let submitter = Submitter.current, submitter.key.id == job.submittedBy else { return }
        _ = try await charge([job], atLeast: 1)
    }

    private func retryRecorded(_ job: Job) async throws(DeskError) -> Job {
        let id = job.id
        // A row that cannot be read could never be queued: it stays as it ended.
        guard try await asking(postgres: { () throws(PostgresError) in try await ledger.job(id) }) != nil else { throw .notFound(id) }
        _ = try await asking(postgres: { () throws(PostgresError) in try await ledger.retry([id], at: .now) })
        guard let row = try await asking(postgres: { () throws(PostgresError) in try await ledger.job(id) }) else { throw .notFound(id) }
        guard !row.state.isTerminal else {
            throw row.state == .completed || row.flow == nil ? .notRetryable(row) : .parentsLive(row)
        }
        await requeueOrLeaveToReconciler(row)
        return (try? await read(id)) ?? row
    }

    /// Redis alone knows it: what it has forgotten cannot be retried.
    private func retryUnrecorded(_ job: Job) async throws(DeskError) -> Job {
        _ = try await asking(redis: { () throws(RedisError) in try await queue.retry(job.inNewSeries) })
        return try await read(job.id)
    }

    /// The row lives: from here on it will run, at the latest when the reconciler finds that Redis has not followed.
    private func requeueOrLeaveToReconciler(_ row: Job) async {
        do {
            _ = try await queue.retry(row)
        } catch {
            logger.warning(
                "A retried job could not be queued yet; the reconciler will queue it",
                metadata: ["job_id": "\(row.id)", "error": "\(error)"])
        }
    }

    /// Queues what a retry left behind between the two stores: rows that live, of jobs that Redis calls ended. A row ends before its hash
    /// does, so one that is found living after its hash was found ended has been retried since. One that has completed cannot have been: its row
    /// is an older one, of a backup, and is told how the job ended.
    func resumeRetries(_ ids: [JobID]) async throws(DeskError) -> Int {
        guard !ids.isEmpty else { return 0 }
        var resumed = 0
        for row in try await asking(postgres: { () throws(PostgresError) in try await ledger.readableJobs(ids) })
        where !row.state.isTerminal && row.state != .waiting {
            if try await asking(redis: { () throws(RedisError) in try await queue.retry(row) }) {
                resumed += 1
            } else {
                try await recordCompletion(of: row.id)
            }
        }
        return resumed
    }

    private func recordCompletion(of id: JobID) async throws(DeskError) {
        guard let job = try await asking(redis: { () throws(RedisError) in try await queue.job(id) }), job.state == .completed else {
            return
        }
        let recorded = try await asking(postgres: { () throws(PostgresError) in
            try await ledger.endUnclaimed(id, as: .completed(job.result ?? [:]), at: job.finishedAt ?? .now, by: "redis")
        })
        if recorded == .recordedInFlow { await releaseChildren(of: id) }
    }
}

extension Job {
    /// As it is when its attempts so far no longer count.
    fileprivate var inNewSeries: Job {
        var job = self
        job.state = .queued
        job.uncharged = job.attempt
        return job
    }
}

package struct BulkRetry: Sendable, Hashable {
    package let retried: Int
    /// What still matches: more than one call takes, or what failed since.
    package let remaining: Int
}

extension JobDesk {
    /// Dead letters that one call retries at most.
    package static let maxBulkRetry = 10_000
    /// Their inputs are in memory together, each of at most 1 MiB.
    private static let bulkBatch = 50

    /// Of those that only Redis has at most 10,000 are counted, as many as one call retries.
    package func countDeadLetters(_ filter: JobFilter) async throws(DeskError) -> Int {
        let recorded = try await asking(postgres: { () throws(PostgresError) in try await ledger.countFailed(filter) })
        return recorded + (try await unrecordedDeadLetters(filter, atMost: JobDesk.maxBulkRetry).count)
    }

    /// Retries what matches, batch by batch; whatever stops it leaves whole jobs, retried or not.
    package func retryDeadLetters(_ filter: JobFilter) async throws(DeskError) -> BulkRetry {
        var retried = 0
        for id in try await unrecordedDeadLetters(filter, atMost: JobDesk.maxBulkRetry) {
            guard let job = try await asking(redis: { () throws(RedisError) in try await queue.job(id) }) else { continue }
            let series = job.inNewSeries
            if try await asking(redis: { () throws(RedisError) in try await queue.retry(series) }) { retried += 1 }
        }
        var below: JobPosition?
        while retried < JobDesk.maxBulkRetry {
            let place = below
            let limit = min(JobDesk.bulkBatch, JobDesk.maxBulkRetry - retried)
            let page = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.listFailed(filter, below: place, limit: limit)
            })
            retried += try await retryRecorded(page.found.map(\.job.id))
            guard let bottom = page.bottom else { break }
            below = bottom
        }
        return BulkRetry(retried: retried, remaining: try await countDeadLetters(filter))
    }

    private func retryRecorded(_ ids: [JobID]) async throws(DeskError) -> Int {
        let changed = try await asking(postgres: { () throws(PostgresError) in try await ledger.retry(ids, at: .now) })
        let rows = try await asking(postgres: { () throws(PostgresError) in try await ledger.readableJobs(Array(changed)) })
        await withTaskGroup(of: Void.self) { group in
            for row in rows { group.addTask { await requeueOrLeaveToReconciler(row) } }
        }
        return changed.count
    }
}
