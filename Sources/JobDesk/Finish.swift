internal import JobLedger
package import JobModel
package import JobQueue
internal import PostgresWire
internal import RedisWire

/// Whether an attempt may begin.
package enum Start: Sendable {
    case go
    /// SQL has ended the job, or another attempt holds it: do not run it.
    case refused
}

extension JobDesk {
    /// Carries the start of a claimed attempt to SQL. A job that SQL has ended is not run: Redis is brought in line with the row.
    package func start(_ claim: Claim) async throws(DeskError) -> Start {
        guard claim.job.isRecorded else { return .go }
        if try await asking(postgres: { () throws(PostgresError) in try await ledger.recordStart(claim, at: .now) }) { return .go }
        let row = try await asking(postgres: { () throws(PostgresError) in try await ledger.job(claim.job.id) })
        if let row, !row.state.isTerminal { try await giveBack(claim, row) } else { try await follow(row, claim) }
        return .refused
    }

    /// A live row refuses the start: Redis was started from an older copy, and counts its attempts up to the row's; or the row is from an older
    /// copy, in which its parents have not ended: it is asked about again and again. A worker that was frozen here holds nothing to give back.
    private func giveBack(_ claim: Claim, _ row: Job) async throws(DeskError) {
        let wait = JobFailure.retry("It waits for jobs that run again", type: "parents_not_ended")
        let outcome: JobOutcome = row.state == .waiting ? .retry(wait, afterMilliseconds: 2_000) : .handBack
        _ = try await asking(redis: { () throws(RedisError) in try await queue.settle(claim, as: outcome) })
    }

    /// Ends an attempt: the durable row, then Redis. A crash between the two repeats the job's settlement, and the row absorbs it.
    /// Any call may be repeated after an error.
    /// `turn` goes into its conversation if this completes the job: with the row, or for a job without one before Redis is told.
    package func finish(
        _ claim: Claim, as outcome: JobOutcome, saying turn: ConversationTurn? = nil
    ) async throws(DeskError) -> Settled {
        let now = Timestamp.now
        var mayHaveChildren = false
        if claim.job.isRecorded {
            let recorded = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.record(outcome, of: claim, at: now, saying: turn)
            })
            if case .refused(let row) = recorded {
                try await follow(row, claim)
                return .lost
            }
            mayHaveChildren = recorded == .recordedInFlow && outcome.state.isTerminal
        } else if let turn, outcome.state == .completed {
            try await asking(postgres: { () throws(PostgresError) in try await ledger.append(turn, of: claim.job.id, at: now) })
        }
        let settled = try await asking(redis: { () throws(RedisError) in try await queue.settle(claim, as: outcome, at: now) })
        if mayHaveChildren { await releaseChildren(of: claim.job.id) }
        return settled
    }

    /// Ends an attempt of a job without a row, and does not wait for it. `answered` is called once, must be quick, and gets nil when Redis is
    /// away: then `finish` may be called for the same attempt.
    package func finishUnrecorded(_ claim: Claim, as outcome: JobOutcome, answered: @escaping @Sendable (Settled?) -> Void) {
        queue.settle(claim, as: outcome) { answered(try? $0.get()) }
    }

    /// Redis follows SQL: a terminal row settles the attempt as the row says; a live row that refused it belongs to another attempt.
    /// A row that is gone (SQL was restored from a backup) cannot say how the job ended: it ends here, or it would be tried for ever.
    func follow(_ row: Job?, _ claim: Claim) async throws(DeskError) {
        let gone = JobOutcome.failed(.permanent("The job's row is gone from PostgreSQL", type: "row_gone"))
        guard let outcome = row == nil ? gone : row?.outcome else { return }
        _ = try await asking(redis: { () throws(RedisError) in try await queue.settle(claim, as: outcome, at: row?.finishedAt ?? .now) })
    }
}

extension Job {
    /// How the row says the job ended; nil while it lives.
    fileprivate var outcome: JobOutcome? {
        let failure = JobFailure.permanent(error ?? "", type: errorType ?? "")
        switch state {
        case .completed: return .completed(result ?? [:])
        case .failed: return .failed(failure)
        case .cancelled: return .cancelled(failure)
        default: return nil
        }
    }
}
