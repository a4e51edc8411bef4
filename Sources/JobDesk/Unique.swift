internal import JobLedger
internal import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

/// At most one job of a key. For unrecorded kinds enqueueing decides; a recorded one takes its key before its row is written, so that no row
/// is promised that must not run.
extension JobDesk {
    /// The job that holds the unique key of a new one. Nil: the key is the new one's; `letGo` when it is not accepted after all.
    /// The rows are asked too: they know of holders that Redis has lost.
    func holder(of job: Job) async throws(DeskError) -> JobID? {
        guard job.isRecorded, let uniqueness = job.uniqueness else { return nil }
        if let id = try await asking(redis: { () throws(RedisError) in try await queue.reserveUnique(job) }) { return id }
        do throws(PostgresError) {
            guard let id = try await ledger.holder(of: uniqueness.key, kind: job.kind) else { return nil }
            await letGo(job)
            return id
        } catch {
            await letGo(job)
            throw DeskError(error)
        }
    }

    /// A key that cannot be let go ends by itself after a while.
    func letGo(_ job: Job) async {
        guard job.isRecorded, job.uniqueness != nil else { return }
        _ = try? await queue.releaseUnique(job)
    }

    /// How a request was answered before; nil for a new one. Comes before a unique key is asked for or a quota charged:
    /// a repeated request is no second job.
    func earlier(_ job: Job, _ idempotency: IdempotencyKey?) async throws(DeskError) -> Acceptance? {
        guard let idempotency, job.isRecorded, job.uniqueness != nil || Submitter.hasQuota else { return nil }
        return try await asking(postgres: { () throws(PostgresError) in try await ledger.earlier(job, idempotency) })
    }

    /// A holder may have its key a moment before it has its row.
    func read(holder id: JobID) async throws(DeskError) -> Job {
        for _ in 0..<40 {
            do throws(DeskError) {
                return try await read(id)
            } catch {
                guard case .notFound = error else { throw error }
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        throw .uniqueHeld(id)
    }
}
