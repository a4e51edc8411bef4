internal import JobDesk
internal import JobModel
internal import JobQueue
internal import RedisWire

/// What a handler's context reports to: the queue, under this attempt's lease. A Redis that is away loses progress, never the job.
struct LeaseHolder: JobReporter, StepStore {
    /// A step's result is state, not storage.
    static let maxStepBytes = 256 * 1024
    let claim: Claim
    let queue: JobQueue
    let durations: Durations
    let start = ContinuousClock.now
    let stop: @Sendable (StopReason) -> Void

    func report(_ event: JobEvent, progress: JobProgress?) async throws(JobFailure) {
        let event = progress.map { estimating(event, $0) } ?? event
        guard let reported = try? await queue.report(event, progress: progress, of: claim) else { return }
        switch reported {
        case .told: return
        case .cancelRequested:
            stop(.cancelled)
            throw .cancelled
        case .lost:
            stop(.lost)
            throw .lost
        }
    }

    /// Progress tells watchers what is probably left, too.
    private func estimating(_ event: JobEvent, _ progress: JobProgress) -> JobEvent {
        let elapsed = Int64((ContinuousClock.now - start) / .milliseconds(1))
        var fields = event.fields
        fields["remaining_seconds"] = .seconds(durations.remaining(of: claim.job, elapsed: elapsed, percent: progress.percent))
        return JobEvent(event.name, at: event.timestamp, fields)
    }

    func result(ofStep name: String) async throws(JobFailure) -> JSONValue? {
        do { return try await queue.step(name, of: claim.job.id) } catch { return nil }
    }

    /// A step that could not be stored runs again in the next attempt.
    func store(_ result: JSONValue, ofStep name: String) async throws(JobFailure) {
        guard result.bytes.count <= LeaseHolder.maxStepBytes else {
            throw .permanent("The result of step '\(name)' is larger than \(LeaseHolder.maxStepBytes) bytes", type: "step_too_large")
        }
        guard let isStored = try? await queue.storeStep(name, result, of: claim), !isStored else { return }
        stop(.lost)
        throw .lost
    }
}
