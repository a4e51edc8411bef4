internal import JobDesk
internal import JobModel
internal import JobQueue
internal import RedisWire
internal import Synchronization

/// What a handler's context reports to: the queue, under this attempt's lease. A Redis that is away loses progress, never the job.
final class LeaseHolder: JobReporter, StepStore {
    /// A step's result is state, not storage.
    static let maxStepBytes = 256 * 1024
    /// Names are keys of an index.
    static let maxNameBytes = 500
    let claim: Claim
    let desk: JobDesk
    /// How the parents of the job ended, once asked.
    let parentOutcomes = Mutex<[String: ParentOutcome]?>(nil)
    private let execution: Execution
    private let start = ContinuousClock.now
    /// Made by the first step: most jobs have none.
    private let madeSteps = Mutex<AttemptSteps?>(nil)
    /// Made by the first of them.
    private let madeMurmurs = Mutex<Murmurs?>(nil)

    init(of execution: Execution, desk: JobDesk) {
        self.execution = execution
        self.desk = desk
        claim = execution.claim
    }

    func stop(_ reason: StopReason) {
        execution.stop(reason)
    }

    func murmur(_ event: JobEvent) {
        let murmurs = madeMurmurs.withLock { made in
            let murmurs = made ?? Murmurs { [weak self] events in await self?.publish(events) ?? false }
            made = murmurs
            return murmurs
        }
        murmurs.add(event)
    }

    /// What was said in passing comes before the end of the attempt.
    func endMurmurs() async {
        await madeMurmurs.withLock { $0 }?.end()
    }

    private func publish(_ events: [JobEvent]) async -> Bool {
        guard let isMine = try? await desk.queue.murmur(events, of: claim) else { return false }
        if !isMine { stop(.lost) }
        return true
    }

    private var steps: AttemptSteps {
        madeSteps.withLock { made in
            let steps = made ?? AttemptSteps(of: claim, desk: desk)
            made = steps
            return steps
        }
    }

    func report(_ event: JobEvent, progress: JobProgress?) async throws(JobFailure) {
        let event = progress.map { estimating(event, $0) } ?? event
        guard let reported = try? await desk.queue.report(event, progress: progress, of: claim) else { return }
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
        fields["remaining_seconds"] = .seconds(desk.durations.remaining(of: claim.job, elapsed: elapsed, percent: progress.percent))
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
