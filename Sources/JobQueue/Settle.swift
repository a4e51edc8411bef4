package import JobModel
package import RedisWire

package enum Settled: Sendable, Hashable {
    case settled
    /// Another attempt holds the job, or it is gone: nothing was changed.
    case lost
}

extension JobQueue {
    /// Ends one attempt if it still holds the lease. May be repeated: the same lease is answered `settled` again.
    package func settle(_ claim: Claim, as outcome: JobOutcome, at now: Timestamp = .now) async throws(RedisError) -> Settled {
        let job = claim.job
        let keys = [
            self.keys.job(job.id), claim.stream, self.keys.active, self.keys.scheduled, self.keys.dead, self.keys.stats(job.queue),
            self.keys.stream(job.queue, claim.stream == self.keys.stream(job.queue, .suspect) ? .suspect : .urgent),
        ]
        var due: Int64 = 0
        if case .retry(_, let delay) = outcome { due = now.advanced(byMilliseconds: delay).milliseconds }
        let arguments: [RedisArgument] = [
            .string(claim.lease), .string(claim.entry), .string(job.id.description), .string(job.kind), .string(outcome.state.rawValue),
            now.argument, .integer(due), .integer(retentionMilliseconds),
            .string(outcome.event(attempt: claim.attempt, at: now, due: due).unnumbered),
            .string(outcome.counter),
        ]
        let reply = try await run(
            Scripts.settle, keys: keys, arguments: arguments + outcome.fields(at: now, due: due, uncharged: job.uncharged))
        switch reply.integer {
        case 1: return .settled
        case 0: return .lost
        default: throw unexpected(Scripts.settle, reply)
        }
    }
}

extension JobOutcome {
    fileprivate var counter: String {
        switch self {
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .retry: "retried"
        case .handBack: "handed_back"
        }
    }

    /// What the hash says afterwards. An orderly end clears the suspicion that a dead worker left behind.
    fileprivate func fields(at now: Timestamp, due: Int64, uncharged: Int) -> [RedisArgument] {
        switch self {
        case .completed(let result):
            ["result", .string(result.serialized), "progress", "100", "completed_at", now.argument, "finished_at", now.argument]
        case .failed(let failure):
            JobOutcome.describe(failure) + ["failed_at", now.argument, "finished_at", now.argument]
        case .cancelled(let failure):
            JobOutcome.describe(failure) + ["completed_at", now.argument, "finished_at", now.argument]
        case .retry(let failure, _):
            JobOutcome.describe(failure) + ["scheduled_at", .integer(due), "suspect", "0", "crashes", "0"]
        case .handBack:
            ["uncharged", .integer(Int64(uncharged + 1))]
        }
    }

    private static func describe(_ failure: JobFailure) -> [RedisArgument] {
        ["error", .string(failure.message), "error_type", .string(failure.type)]
    }

    /// The last event of a job carries its result or error: a watcher needs no further request.
    package func event(attempt: Int, at now: Timestamp, due: Int64 = 0) -> JobEvent {
        var members: [String: JSONValue] = ["attempt": .integer(Int64(attempt)), "status": .string(state.rawValue)]
        if let failure {
            members["error"] = .string(failure.message)
            members["error_type"] = .string(failure.type)
        }
        switch self {
        case .completed(let result):
            members["progress"] = 100
            members["result"] = result
            return JobEvent(.completed, at: now, members)
        case .failed: return JobEvent(.failed, at: now, members)
        case .cancelled: return JobEvent(.cancelled, at: now, members)
        case .retry:
            members["scheduled_at"] = .string(Timestamp(milliseconds: due).description)
            return JobEvent(.retrying, at: now, members)
        case .handBack: return JobEvent(.queued, at: now, members)
        }
    }
}
