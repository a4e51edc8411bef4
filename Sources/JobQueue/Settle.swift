package import JobModel
package import RedisWire

package enum Settled: Sendable, Hashable {
    case settled
    /// Another attempt holds the job, or it is gone: nothing was changed.
    case lost
}

/// The end of one attempt.
package struct Settlement: Sendable {
    package let claim: Claim
    package let outcome: JobOutcome
    package let at: Timestamp

    package init(_ claim: Claim, as outcome: JobOutcome, at: Timestamp = .now) {
        self.claim = claim
        self.outcome = outcome
        self.at = at
    }
}

extension JobQueue {
    /// Ends one attempt if it still holds the lease. May be repeated: the same lease is answered `settled` again.
    /// Calls that come while one is under way go together in the next one.
    package func settle(_ claim: Claim, as outcome: JobOutcome, at now: Timestamp = .now) async throws(RedisError) -> Settled {
        try await settlements.submit(Settlement(claim, as: outcome, at: now))
    }
}

/// Carries a batch of settlements to Redis.
struct Settler: Sendable {
    /// Bounds the time Redis is held by one script to a millisecond or two.
    static let maxBatch = 200
    let keys: Keys
    let redis: RedisConnection
    let retentionMilliseconds: Int64

    func settle(_ settlements: [Settlement]) async throws(RedisError) -> [Settled] {
        let now = Timestamp.now
        var keys = [self.keys.active]
        var places: [String: Int] = [:]
        var arguments: [RedisArgument] = [now.argument, .string(now.description), .integer(retentionMilliseconds)]
        arguments.reserveCapacity(3 + settlements.count * 7)
        for settlement in settlements {
            let stream = settlement.claim.stream
            if places[stream] == nil {
                keys.append(stream)
                places[stream] = keys.count
            }
            append(settlement, stream: places[stream] ?? 0, to: &arguments)
        }
        let reply = try await redis.runKept(Scripts.settle, keys: keys, arguments: arguments)
        guard let codes = reply.array, codes.count == settlements.count else { throw unexpected(Scripts.settle, reply) }
        return codes.map { $0.integer == 1 ? .settled : .lost }
    }

    private func append(_ settlement: Settlement, stream: Int, to arguments: inout [RedisArgument]) {
        let (claim, outcome) = (settlement.claim, settlement.outcome)
        arguments.append(.string(claim.job.id.description))
        arguments.append(.string(claim.lease))
        arguments.append(.string(claim.entry))
        arguments.append(.integer(Int64(stream)))
        arguments.append(.string(outcome.state.rawValue))
        if case .completed(let result) = outcome {
            arguments.append(.bytes(result.bytes))
            arguments.append("")
        } else {
            arguments.append(.string(outcome.failure?.message ?? ""))
            arguments.append(.string(rest(of: settlement)))
        }
    }

    /// `due ms|due as RFC 3339|uncharged|error type`
    private func rest(of settlement: Settlement) -> String {
        var due = "0|"
        if case .retry(_, let delay) = settlement.outcome {
            let at = settlement.at.advanced(byMilliseconds: delay)
            due = "\(at.milliseconds)|\(at)"
        }
        return "\(due)|\(settlement.claim.job.uncharged + 1)|\(settlement.outcome.failure?.type ?? "")"
    }
}

extension Settlement: BatchedRequest {
    package var jobID: JobID { claim.job.id }
    package var size: Int { 500 }
}

extension JobOutcome {
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
