package import JobModel
package import RedisWire

package enum Settled: Sendable, Hashable {
    case settled
    /// Another attempt holds the job, or it is gone: nothing was changed.
    case lost
}

/// The end of one attempt, as the script takes it: an object, because it is handed on several times.
final class Settlement: BatchedRequest {
    /// The script takes them one after the other.
    static let mustBeAlone = false
    let jobID: JobID
    let lease: String
    let entry: String
    let stream: String
    /// Nil when completed.
    let status: String?
    /// The result as JSON, or the error.
    let result: [UInt8]
    /// Of an attempt that did not complete: `due ms|due as RFC 3339|uncharged|error type`; a retry that is charged leaves `uncharged` out.
    let rest: String
    var size: Int { 500 + result.count }

    init(_ claim: Claim, as outcome: JobOutcome, at: Timestamp) {
        jobID = claim.job.id
        lease = claim.lease
        entry = claim.entry
        stream = claim.stream
        if case .completed(let value) = outcome {
            status = nil
            result = value.bytes
            rest = ""
            return
        }
        status = outcome.state.rawValue
        var due = "0|"
        if case .retry(_, let delay) = outcome {
            let moment = at.advanced(byMilliseconds: delay)
            due = "\(moment.milliseconds)|\(moment)"
        }
        result = Array((outcome.failure?.message ?? "").utf8)
        rest = "\(due)|\(outcome.isCharged ? "" : String(claim.job.uncharged + 1))|\(outcome.failure?.type ?? "")"
    }
}

extension JobQueue {
    /// Ends one attempt if it still holds the lease. May be repeated: the same lease is answered `settled` again.
    /// Calls that come while one is under way go together in the next one.
    package func settle(_ claim: Claim, as outcome: JobOutcome, at now: Timestamp = .now) async throws(RedisError) -> Settled {
        try await settlements.submit(Settlement(claim, as: outcome, at: now))
    }

    /// The same without waiting for it. `answered` is called once, on the connection's event loop, and must be quick.
    package func settle(
        _ claim: Claim, as outcome: JobOutcome, at now: Timestamp = .now,
        answered: @escaping @Sendable (Result<Settled, RedisError>) -> Void
    ) {
        settlements.submit(Settlement(claim, as: outcome, at: now), answered: answered)
    }
}

/// Carries a batch of settlements to Redis.
struct Settler: Sendable {
    /// Bounds the time Redis is held by one script to a millisecond, and lets claims and settlements take turns there.
    static let maxBatch = 64
    let keys: Keys
    let redis: RedisConnection
    let retentionMilliseconds: Int64

    func settle(_ settlements: [Settlement]) async throws(RedisError) -> [Settled] {
        let now = Timestamp.now
        var keys = [self.keys.active]
        var arguments: [RedisArgument] = [now.argument, .string(now.description), .integer(retentionMilliseconds)]
        arguments.reserveCapacity(10 + settlements.count * 3)
        var run: (last: Settlement?, place: Int, count: Int) = (nil, 0, 0)
        for settlement in settlements {
            let isOver = settlement.status != nil || run.last?.stream != settlement.stream || run.last?.lease != settlement.lease
            if isOver {
                let known = keys.dropFirst().firstIndex(of: settlement.stream)
                if known == nil { keys.append(settlement.stream) }
                arguments.append(.integer(Int64((known ?? keys.count - 1) + 1)))
                arguments.append(.string(settlement.lease))
                arguments.append(.string(settlement.status ?? ""))
                run = (settlement.status == nil ? settlement : nil, arguments.count - 1, 0)
            }
            arguments.append(.string(settlement.jobID.description))
            arguments.append(.string(settlement.entry))
            arguments.append(.bytes(settlement.result))
            if settlement.status != nil {
                arguments.append(.string(settlement.rest))
            } else {
                run.count += 1
                arguments[run.place] = .integer(Int64(run.count))
            }
        }
        let reply = try await redis.runKept(Scripts.settle, keys: keys, arguments: arguments)
        if reply.integer == Int64(settlements.count) { return Array(repeating: .settled, count: settlements.count) }
        guard let codes = reply.array, codes.count == settlements.count else { throw unexpected(Scripts.settle, reply) }
        return codes.map { $0.integer == 1 ? .settled : .lost }
    }
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
