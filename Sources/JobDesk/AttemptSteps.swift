internal import JobLedger
package import JobModel
package import JobQueue
internal import Synchronization

/// The finished steps of the job of one attempt: in Redis, and for recorded kinds in SQL too, so that a loss of Redis costs no step.
/// Neither store is needed for the other one to keep a step; a step that neither kept runs again in the next attempt.
package final class AttemptSteps: Sendable {
    private let claim: Claim
    private let queue: JobQueue
    private let ledger: JobLedger
    /// What SQL has from earlier attempts; nil until it was asked.
    private let names = Mutex<Set<String>?>(nil)

    package init(of claim: Claim, desk: JobDesk) {
        self.claim = claim
        queue = desk.queue
        ledger = desk.ledger
    }

    /// Redis first. SQL is asked where Redis has nothing, and never by a first attempt: nothing was finished before it.
    package func result(of name: String) async -> JSONValue? {
        if let kept = try? await queue.step(name, of: claim.job.id) { return kept }
        guard claim.job.isRecorded, claim.attempt > 1, await finishedBefore()?.contains(name) == true else { return nil }
        return try? await ledger.step(name, of: claim.job.id)
    }

    /// Nil: neither store answered. `lost` when either says that this attempt does not hold the job any more.
    package func store(_ result: JSONValue, of name: String) async -> StepStored? {
        async let row = storeInSQL(result, name)
        let live = try? await queue.storeStep(name, result, of: claim)
        let isHeld = await row
        if live == .lost || isHeld == false { return .lost }
        return live ?? (isHeld == true ? .stored : nil)
    }

    private func storeInSQL(_ result: JSONValue, _ name: String) async -> Bool? {
        guard claim.job.isRecorded else { return nil }
        return try? await ledger.storeStep(name, result, of: claim)
    }

    private func finishedBefore() async -> Set<String>? {
        if let known = names.withLock({ $0 }) { return known }
        guard let found = try? await ledger.stepNames(of: claim.job.id) else { return nil }
        names.withLock { $0 = found }
        return found
    }
}
