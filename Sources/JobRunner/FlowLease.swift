internal import JobDesk
internal import JobModel
internal import Synchronization

/// What a handler's context sees of its flow, under this attempt's lease.
extension LeaseHolder: FlowMembership {
    /// Parents have ended before this attempt began: reading them once is enough.
    func parents() async throws(JobFailure) -> [String: ParentOutcome] {
        guard claim.job.isRecorded else { return [:] }
        if let outcomes = parentOutcomes.withLock({ $0 }) { return outcomes }
        let outcomes = try await desk.parents(of: claim.job.id)
        parentOutcomes.withLock { $0 = outcomes }
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
