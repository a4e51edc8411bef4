internal import JobDesk
internal import JobModel
internal import Synchronization

/// What a handler's context sees of its flow, under this attempt's lease.
final class FlowHolder: FlowMembership {
    private let claim: Claim
    private let desk: JobDesk
    private let stop: @Sendable (StopReason) -> Void
    private let known = Mutex<[String: ParentOutcome]?>(nil)

    init(claim: Claim, desk: JobDesk, stop: @escaping @Sendable (StopReason) -> Void) {
        self.claim = claim
        self.desk = desk
        self.stop = stop
    }

    /// Parents have ended before this attempt began: reading them once is enough.
    func parents() async throws(JobFailure) -> [String: ParentOutcome] {
        guard claim.job.isRecorded else { return [:] }
        if let outcomes = known.withLock({ $0 }) { return outcomes }
        let outcomes = try await desk.parents(of: claim.job.id)
        known.withLock { $0 = outcomes }
        return outcomes
    }

    func add(_ child: ChildRequest) async throws(JobFailure) -> JobID {
        do throws(JobFailure) { return try await desk.addChild(child, of: claim) } catch {
            if error.verdict == .lost { stop(.lost) }
            if error.verdict == .cancelled { stop(.cancelled) }
            throw error
        }
    }
}
