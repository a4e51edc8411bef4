internal import JobDesk
internal import JobModel
internal import JobQueue
internal import RedisWire

/// What a handler's context reports to: the queue, under this attempt's lease. A Redis that is away loses progress, never the job.
struct LeaseHolder: JobReporter, StepStore {
    /// A step's result is state, not storage.
    static let maxStepBytes = 256 * 1024
    /// Names are keys of an index.
    static let maxNameBytes = 500
    let claim: Claim
    let queue: JobQueue
    let durations: Durations
    let steps: AttemptSteps
    let start = ContinuousClock.now
    let stop: @Sendable (StopReason) -> Void

    init(claim: Claim, desk: JobDesk, stop: @escaping @Sendable (StopReason) -> Void) {
        self.claim = claim
        self.stop = stop
        queue = desk.queue
        durations = desk.durations
        steps = AttemptSteps(of: claim, desk: desk)
    }

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
        await steps.result(of: name)
    }

    /// A step that could not be stored runs again in the next attempt.
    func store(_ result: JSONValue, ofStep name: String) async throws(JobFailure) {
        guard result.bytes.count <= LeaseHolder.maxStepBytes else {
            throw .permanent(
                "The result of step '\(name.prefix(100))' is larger than \(LeaseHolder.maxStepBytes) bytes", type: "step_too_large")
        }
        guard (1...LeaseHolder.maxNameBytes).contains(name.utf8.count) else {
            throw .permanent("A step's name must have 1 to \(LeaseHolder.maxNameBytes) bytes", type: "step_name_too_long")
        }
        switch await steps.store(result, of: name) {
        case .stored, nil: return
        case .lost:
            stop(.lost)
            throw .lost
        case .full:
            throw .permanent(
                "The job keeps more steps, or larger ones, than one job may keep; split it into several jobs", type: "too_many_steps")
        }
    }
}
