internal import JobLedger
package import JobModel
package import JobQueue
internal import PostgresWire
internal import RedisWire

/// A lease as its holder names it: which attempt at which job, and a secret. The name of the lease's worker, which many may see, is a digest of
/// it, so that no store keeps the secret and a repeated end is known by it too.
package struct WorkLease: Sendable, Hashable, CustomStringConvertible {
    private let secret: String
    package let worker: String
    package let jobID: JobID
    package let attempt: Int

    static func newSecret() -> String { Digest.hexadecimal(Digest.randomBytes(16)) }

    static func worker(of secret: String) -> String { "http-\(Digest.sha256(secret).prefix(32))" }

    init(_ claim: Claim, secret: String) {
        self.secret = secret
        worker = claim.worker
        jobID = claim.job.id
        attempt = claim.attempt
    }

    /// Nil for what was never a lease.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0].utf8.count == 32, let id = JobID(parts[1]), let attempt = Int(parts[2]), attempt > 0
        else { return nil }
        (secret, worker, jobID, self.attempt) = (parts[0], WorkLease.worker(of: parts[0]), id, attempt)
    }

    /// For its holder only.
    package var text: String { "\(secret).\(jobID).\(attempt)" }

    package var description: String { "\(worker).\(jobID).\(attempt)" }

    /// Enough of a claim to report with.
    fileprivate var bareClaim: Claim {
        Claim(job: Job(id: jobID, kind: "", queue: "", input: [:]), attempt: attempt, worker: worker, stream: "", entry: "")
    }
}

/// How an HTTP worker says that an attempt ended.
package enum WorkEnd: Sendable, Hashable {
    case completed(JSONValue)
    case failed(JobFailure)
    /// Somebody else should do it; the attempt is not charged.
    case released
}

/// What the holder of a lease says. Each call proves that it lives; `leaseLost` tells it to stop and to say nothing more.
extension JobDesk {
    /// How often a worker should beat. Its lease ends as every worker's does.
    package static let workBeatSeconds: Int64 = 1

    /// True: somebody asked the job to stop.
    package func beat(_ lease: WorkLease) async throws(DeskError) -> Bool {
        let life = try await asking(redis: { () throws(RedisError) in
            try await queue.beatLease(lease.jobID, lease.worker, lease.attempt)
        })
        switch life {
        case .going: return false
        case .cancel: return true
        case .lost: throw .leaseLost
        case .late, .deaf:
            try await end(lease, because: life)
            throw .leaseLost
        }
    }

    /// The worker lives, but the attempt must end: the server's word counts, whatever the worker does.
    private func end(_ lease: WorkLease, because life: LeaseLife) async throws(DeskError) {
        guard let claim = try await claim(of: lease), !claim.job.state.isTerminal else { return }
        let timeout = JobOutcome(
            .timeout(milliseconds: claim.job.timeoutMilliseconds), attempt: charged(claim), policy: policy(of: claim.job))
        _ = try await finish(claim, as: life == .deaf ? .cancelled(.cancelled) : timeout)
        await closeLease(claim)
    }

    /// Progress, or a line for the log where there is none. True: somebody asked the job to stop.
    package func report(_ event: JobEvent, progress: JobProgress?, of lease: WorkLease) async throws(DeskError) -> Bool {
        let isAsked = try await beat(lease)
        switch try await asking(redis: { () throws(RedisError) in try await queue.report(event, progress: progress, of: lease.bareClaim) })
        {
        case .told: return isAsked
        case .cancelRequested: return true
        case .lost: throw .leaseLost
        }
    }

    /// Ends the attempt. May be repeated after a lost answer; another end of the same attempt is refused.
    package func settle(_ lease: WorkLease, as end: WorkEnd) async throws(DeskError) {
        guard let claim = try await claim(of: lease) else { throw .leaseLost }
        let outcome = outcome(end, claim)
        if claim.job.state == .processing {
            guard try await finish(claim, as: outcome) == .settled else { throw .leaseLost }
            // Without a row nobody compares ends, and the server may have ended it just now.
            if !claim.job.isRecorded, let now = try await self.claim(of: lease), !now.job.hasEnded(as: outcome) { throw .leaseLost }
        } else if !claim.job.hasEnded(as: outcome) {
            throw .leaseLost
        }
        if case .completed = end, let started = claim.job.startedAt, claim.job.state == .processing {
            durations.note(
                kind: claim.job.kind, milliseconds: max(0, Timestamp.now.milliseconds - started.milliseconds), input: claim.job.input)
        }
        await closeLease(claim)
    }

    private func outcome(_ end: WorkEnd, _ claim: Claim) -> JobOutcome {
        switch end {
        case .completed(let result): .completed(result.withoutNulls)
        case _ where claim.job.cancelRequested: .cancelled(.cancelled)
        case .released: .handBack
        case .failed(let failure): JobOutcome(failure, attempt: charged(claim), policy: policy(of: claim.job))
        }
    }

    private func charged(_ claim: Claim) -> Int { claim.attempt - claim.job.uncharged }

    private func policy(of job: Job) -> RetryPolicy {
        var policy = catalogue[job.kind]?.retry ?? RetryPolicy()
        policy.maxAttempts = job.maxAttempts
        if let backoff = job.backoff {
            policy.baseMilliseconds = backoff.baseMilliseconds
            policy.capMilliseconds = backoff.capMilliseconds
        }
        return policy
    }

    /// Of the last attempt at its job, which may have ended.
    private func claim(of lease: WorkLease) async throws(DeskError) -> Claim? {
        try await asking(redis: { () throws(RedisError) in try await queue.claim(of: lease.jobID, lease.worker, lease.attempt) })
    }
}

extension Job {
    /// Whether its last attempt had this end: then the same end is said again, after an answer that was lost.
    fileprivate func hasEnded(as outcome: JobOutcome) -> Bool {
        let isSameFailure = error == outcome.failure?.message && errorType == outcome.failure?.type
        switch outcome {
        case .completed(let value): return state == .completed && result?.bytes == value.bytes
        case .failed: return state == .failed && isSameFailure
        case .cancelled: return state == .cancelled
        case .retry: return [.scheduled, .queued].contains(state) && isSameFailure
        case .handBack: return state == .queued
        }
    }
}

// Steps.
extension JobDesk {
    /// The result of a step that an earlier attempt, or this one, finished.
    package func step(_ name: String, of lease: WorkLease) async throws(DeskError) -> JSONValue? {
        _ = try await beat(lease)
        guard let claim = try await claim(of: lease) else { throw .leaseLost }
        return await AttemptSteps(of: claim, desk: self).result(of: name)
    }

    /// Nil: neither store keeps it now; it runs again in the next attempt.
    package func store(_ result: JSONValue, ofStep name: String, of lease: WorkLease) async throws(DeskError) -> StepStored? {
        _ = try await beat(lease)
        guard let claim = try await claim(of: lease) else { throw .leaseLost }
        let stored = await AttemptSteps(of: claim, desk: self).store(result, of: name)
        if stored == .lost { throw .leaseLost }
        return stored
    }
}
