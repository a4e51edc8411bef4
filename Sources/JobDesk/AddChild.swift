internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    private static let maxChildNameBytes = 100

    /// Adds a job to the flow of a running one, once for each name; only the attempt that holds the job may.
    package func addChild(_ request: ChildRequest, of claim: Claim) async throws(JobFailure) -> JobID {
        guard claim.job.isRecorded else {
            throw .permanent("Jobs of kind '\(claim.job.kind)' are not recorded, and cannot add others", type: "not_recorded")
        }
        let child = try compose(request, of: claim)
        let result: Result<JobID, JobFailure>
        do throws(DeskError) {
            let added = try await asking(postgres: { () throws(PostgresError) in try await ledger.addChild(child, request, of: claim) })
            result = try await follow(added, request, claim)
        } catch { throw error.asJobFailure }
        return try result.get()
    }

    private func compose(_ child: ChildRequest, of claim: Claim) throws(JobFailure) -> Job {
        guard (1...JobDesk.maxChildNameBytes).contains(child.name.utf8.count), !child.name.utf8.contains(0) else {
            throw .permanent("The name of an added job must have 1 to \(JobDesk.maxChildNameBytes) bytes", type: "invalid_child")
        }
        guard child.dependsOn.count <= Flow.maxAcceptedJobs else {
            throw .permanent("An added job may depend on at most \(Flow.maxAcceptedJobs) others", type: "invalid_child")
        }
        var request = JobRequest(kind: child.kind, input: child.input)
        request.priority = child.priority
        request.metadata = child.metadata
        request.subject = claim.job.subject
        request.sessionID = claim.job.sessionID
        request.traceparent = claim.job.traceparent
        do throws(DeskError) {
            var job = try compose(request)
            job.isRecorded = true
            return job
        } catch { throw error.asJobFailure }
    }

    /// Redis follows; what is lost on the way, the sweep finds.
    private func follow(
        _ added: AddedChild, _ request: ChildRequest, _ claim: Claim
    ) async throws(DeskError) -> Result<JobID, JobFailure> {
        switch added {
        case .added(let job):
            await enqueueOrLeaveToSweep([job])
            await tell(job, of: claim)
            // Without the job that asks among them, its parents may have ended long ago.
            if !request.startsAfterThisJob, let parents = job.flow?.parents { try await release(from: parents) }
            return .success(job.id)
        case .existing(let id): return .success(id)
        case .lost: return .failure(.lost)
        case .refused(.flowIsCancelled): return .failure(.cancelled)
        case .refused(let why): return .failure(.permanent(why.sentence, type: "child_refused"))
        }
    }

    /// Watchers learn of the child; a job that founded its flow has its place in Redis from now on too. Nothing depends on it.
    private func tell(_ child: Job, of claim: Claim) async {
        guard let place = child.flow else { return }
        let event = JobEvent(
            .log,
            [
                "message": .string("Added the job '\(place.name)'"), "flow_id": .string(place.flow.description),
                "child_id": .string(child.id.description),
            ])
        let founded = claim.job.flow == nil ? FlowPlace(flow: place.flow, name: claim.job.kind, parents: []) : nil
        _ = try? await queue.report(event, progress: nil, flow: founded, of: claim)
    }
}

extension AddedChild.Refusal {
    fileprivate var sentence: String {
        switch self {
        case .flowIsCancelled: "The flow was cancelled"
        case .flowIsFull: "A flow has at most \(Flow.maxJobs) jobs"
        case .nameIsTaken: "Another job of the flow has this name"
        case .unknownParent(let name): "The flow has no job '\(name.prefix(100))' to depend on"
        }
    }
}

extension DeskError {
    /// What a handler that added a job is told: a store that is away passes, a job that does not fit never will.
    fileprivate var asJobFailure: JobFailure {
        switch self {
        case .unknownKind(let kind, _): .permanent("There is no kind '\(kind)'", type: "invalid_child")
        case .invalid(let faults):
            .permanent(
                "The added job does not fit: " + faults.prefix(5).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; "),
                type: "invalid_child")
        case .unavailable(let service, _): .retry("\(service) is away", type: "store_away")
        case .full: .retry("Redis is at its memory limit", type: "store_away")
        default: .retry("The job could not be added", type: "child_not_added")
        }
    }
}
