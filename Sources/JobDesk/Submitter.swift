package import JobModel
package import JobQueue
internal import RedisWire
internal import Synchronization

/// Whose key a submission came with. Bound to the task that answers the request, so that whatever submits on the way carries the name and
/// is charged: no route can forget it.
package final class Submitter: Sendable {
    @TaskLocal package static var current: Submitter?

    package let key: APIKey
    private let last = Mutex<Charge?>(nil)

    package init(_ key: APIKey) {
        self.key = key
    }

    /// What is left of its quota after the last charge of this request; nil: nothing was charged.
    package var charge: Charge? { last.withLock { $0 } }

    var quota: JobQuota { JobQuota(aDay: key.jobsADay, live: key.liveJobs) }

    /// Whether the current submission is charged to anything.
    static var hasQuota: Bool { current.map { $0.quota != .none } ?? false }

    fileprivate func note(_ charge: Charge) { last.withLock { $0 = charge } }
}

extension JobDesk {
    /// How many of these new jobs the submitter's quota has room for, charged; throws when fewer than `atLeast` fit.
    /// Jobs that are refused afterwards stay charged for the day.
    func charge(_ jobs: [Job], atLeast: Int) async throws(DeskError) -> Int {
        guard let submitter = Submitter.current, Submitter.hasQuota, !jobs.isEmpty else { return jobs.count }
        let charge = try await asking(redis: { () throws(RedisError) in
            try await queue.charge(jobs.map(\.id), to: submitter.key.id, submitter.quota, atLeast: atLeast)
        })
        submitter.note(charge)
        if charge.charged < atLeast { throw JobDesk.overQuota(charge) }
        return charge.charged
    }

    /// Of a day's jobs there are more tomorrow; a live one may end at any moment.
    static func overQuota(_ charge: Charge?) -> DeskError {
        guard let charge else { return .internalFault("A quota refused without a charge") }
        let isDaily = charge.leftToday.map { left in charge.roomForLive.map { left <= $0 } ?? true } ?? false
        return isDaily
            ? .overQuota(.jobsADay, retryAfterSeconds: Int((charge.tomorrowInMilliseconds + 999) / 1000))
            : .overQuota(.liveJobs, retryAfterSeconds: 5)
    }
}

extension IdempotencyKey {
    /// Callers with different keys never meet under one idempotency key.
    func of(_ submitter: Submitter?) -> IdempotencyKey {
        guard let submitter else { return self }
        return IdempotencyKey(scope: "\(submitter.key.id) \(scope)", key: key, fingerprint: fingerprint)
    }
}
