internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import Synchronization

/// One attempt at one job, from claim to settlement, in one task. Reads top to bottom.
/// What the job does is its handler's business; `ClaimLoop` decides how many run at once, `Executions` keeps the time.
final class Execution: Sendable {
    let claim: Claim
    private let life: WorkerLife
    private let conversation: ConversationHolder
    private let state = Mutex(State())

    private struct State {
        /// Only while the handler runs may the task be cancelled: what goes to the stores before and after it must arrive.
        var handling: HandlingTask?
        var deadline: ContinuousClock.Instant?
        var reason: StopReason?
        /// Set with the reason: from then on the handler has its grace.
        var stoppedAt: ContinuousClock.Instant?
        /// Somebody is carrying the end of this attempt to the stores; nobody else may.
        var isConcluded = false
    }

    /// The task of a handler, which has it before its first wait ends: a `Task` would be known only then. Good while the handler runs, and used
    /// under the lock that takes it away: cancelling is all that others may do with it.
    private struct HandlingTask: @unchecked Sendable {
        let task: UnsafeCurrentTask?
    }

    init(claim: Claim, life: WorkerLife) {
        self.claim = claim
        self.life = life
        conversation = ConversationHolder(desk: life.desk)
    }

    /// Runs the attempt; its slot is free again once it has told `Executions` of its end. Up to where it first waits it runs on the caller's
    /// thread: most short jobs need no other one.
    func begin() {
        Task.immediate { await self.run() }
    }

    private func run() async {
        if claim.job.cancelRequested { stop(.cancelled) }
        guard await start() else { return end() }
        let began = ContinuousClock.now
        let result = await handle(began)
        guard conclude() else { return end() }
        if case .success(let value) = result {
            note(began.duration(to: .now))
            if !claim.job.isRecorded, stopReason == nil, conversation.turn == nil { return settleAtOnce(value, result) }
        }
        // A stop that came before the handler's end has cancelled this task, a later one does not: what follows must not be cancelled.
        if stopReason == nil { await settle(result) } else { await Task { await self.settle(result) }.value }
        end()
    }

    private func end() {
        life.executions.end(self)
    }

    private func note(_ duration: Duration) {
        life.desk.durations.note(
            kind: claim.job.kind, milliseconds: Int64(duration / .milliseconds(1)), input: claim.job.input)
    }
}

// The handler.
extension Execution {
    /// The start goes to SQL before the handler runs: a job that SQL has ended is not run again.
    private func start() async -> Bool {
        guard claim.job.isRecorded else { return true }
        let started = await whileStoreIsAway { () throws(DeskError) in try await self.life.desk.start(self.claim) }
        guard case .go = started else {
            log(.info, "The attempt was not started: the job has ended, or another attempt holds it")
            return false
        }
        log(.info, "Job started", ["kind": "\(claim.job.kind)"])
        return true
    }

    private func handle(_ began: ContinuousClock.Instant) async -> Result<JSONValue, JobFailure> {
        await withUnsafeCurrentTask { task in
            guard enterHandler(HandlingTask(task: task), began) else { return .failure(.cancelled) }
            defer { state.withLock { $0.handling = nil } }
            do throws(JobFailure) { return .success(try await callHandler()) } catch { return .failure(error) }
        }
    }

    /// False: the attempt was stopped, or left behind, while its start was on the way.
    private func enterHandler(_ task: HandlingTask, _ began: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            guard state.reason == nil, !state.isConcluded else { return false }
            state.handling = task
            state.deadline = began + .milliseconds(claim.job.timeoutMilliseconds)
            return true
        }
    }

    private func callHandler() async throws(JobFailure) -> JSONValue {
        guard let handler = life.handlers[claim.job.kind] else {
            try await leaveToOthers { $0 != nil }
            throw .permanent("There is no kind '\(claim.job.kind)' in this worker", type: "unknown_kind")
        }
        let input: JSONValue
        switch handler.kind.input.accept(claim.job.input) {
        case .success(let accepted): input = accepted
        case .failure(let faults):
            let given = claim.job.input
            if handler.kind.isRegistered { try await leaveToOthers { kind in (try? kind?.input.accept(given).get()) != nil } }
            let details = faults.list.prefix(5).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
            throw .permanent("The input does not fit the kind: \(details)", type: "invalid_input")
        }
        let lease = LeaseHolder(of: self, desk: life.desk)
        let context = JobContext(
            jobID: claim.job.id, attempt: claim.attempt, charged: claim.attempt - claim.job.uncharged, input: input,
            metadata: claim.job.metadata, sessionID: claim.job.sessionID, reporter: lease, steps: lease, flow: lease,
            conversation: conversation, logger: life.logger)
        let caller = ModelCaller(jobID: claim.job.id, worker: claim.worker, attempt: claim.attempt)
        let result = await ModelCaller.$current.withValue(caller) { () async -> Result<JSONValue, JobFailure> in
            do throws(JobFailure) { return .success(try await handler.run(in: context)) } catch { return .failure(error) }
        }
        await lease.endMurmurs()
        return try result.get()
    }
}

extension Execution {
    private static let pauseBeforeHandBack = Duration.seconds(1)

    /// Throws where the kind is another program's, or a newer version of this one takes the job: their workers run it. What this process knows
    /// of kinds may be old, so it looks first; without an answer nobody may say that the job is wrong.
    /// Not handed back at once, or it would go round and round here.
    private func leaveToOthers(_ isTheirs: (JobKind?) -> Bool) async throws(JobFailure) {
        let isKnown = await life.desk.refreshKinds()
        let kind = life.desk.catalogue[claim.job.kind]
        guard !isKnown || kind?.isRegistered == true && isTheirs(kind) else { return }
        log(.notice, "The kind as it is registered is not in this worker; the job is handed back", ["kind": "\(claim.job.kind)"])
        try? await Task.sleep(for: Execution.pauseBeforeHandBack)
        throw .handBack
    }
}

// Stopping.
extension Execution {
    /// Tells the attempt to stop; the first reason stands, but a loss overrules it: then nothing may be written.
    func stop(_ reason: StopReason) {
        state.withLock { state in
            guard state.reason == nil || reason == .lost || reason == .dead else { return }
            state.reason = reason
            state.stoppedAt = state.stoppedAt ?? .now
            state.handling?.task?.cancel()
        }
    }

    private var stopReason: StopReason? { state.withLock { $0.reason } }

    private var isDropped: Bool { [.lost, .dead].contains(stopReason) }

    /// True for the one caller that may carry the end to the stores.
    private func conclude() -> Bool {
        state.withLock { state in
            defer { state.isConcluded = true }
            return !state.isConcluded
        }
    }

    /// Looks at the clock: an attempt over its time is told to stop, and a handler that does not listen is left behind after its grace.
    /// True: it was left behind, and its slot is free once its end was settled.
    func keepTime(_ now: ContinuousClock.Instant) -> Bool {
        let (isLate, mustGo) = state.withLock { state in
            let isLate = state.reason == nil && !state.isConcluded && state.deadline.map { $0 <= now } ?? false
            let isOver = state.stoppedAt.map { $0 + life.settings.stopGrace <= now } ?? false
            return (isLate, isOver && !state.isConcluded)
        }
        if isLate { stop(.timeout) }
        guard mustGo, conclude() else { return false }
        log(.warning, "The handler did not stop when it was told to; it is left behind")
        Task {
            await self.settle(.failure(.cancelled))
            self.life.executions.end(self)
        }
        return true
    }
}

// The end.
extension Execution {
    /// Most jobs without a row end so: nobody waits for the settlement. A Redis that is away is waited for as ever.
    private func settleAtOnce(_ value: JSONValue, _ result: Result<JSONValue, JobFailure>) {
        life.executions.settles(self)
        life.desk.finishUnrecorded(claim, as: .completed(value.withoutNulls)) { settled in
            if let settled {
                self.tell(settled, .completed)
                self.life.executions.end(self, wasSettling: true)
            } else {
                self.life.executions.unsettled(self)
                Task {
                    await self.settle(result)
                    self.end()
                }
            }
        }
    }

    /// The durable row comes before the ACK. A store that is away delays it; the outcome waits here.
    private func settle(_ result: Result<JSONValue, JobFailure>) async {
        guard !isDropped else { return log(.warning, "The attempt was dropped: this worker does not hold the job any more") }
        let outcome = outcome(of: result)
        let settled = await whileStoreIsAway { () throws(DeskError) in try await self.finish(outcome) }
        guard let settled else { return log(.warning, "The outcome was dropped: this worker does not hold the job any more") }
        tell(settled, outcome.state)
    }

    private func tell(_ settled: Settled, _ state: JobState) {
        switch settled {
        case .settled: log(.info, "Job attempt ended", ["status": "\(state.rawValue)"])
        case .lost: log(.warning, "The attempt was lost: another attempt holds the job, or the job has ended")
        }
    }

    /// A result that came is a result, also after a stop. Otherwise the reason to stop says what it means.
    private func outcome(of result: Result<JSONValue, JobFailure>) -> JobOutcome {
        // Deaths and departures of workers are not charged: they neither use attempts up nor make the job wait longer.
        let charged = claim.attempt - claim.job.uncharged
        switch (result, stopReason) {
        case (.success(let value), _): return .completed(value.withoutNulls)
        case (.failure, .cancelled): return .cancelled(.cancelled)
        case (.failure, .timeout):
            return JobOutcome(.timeout(milliseconds: claim.job.timeoutMilliseconds), attempt: charged, policy: policy)
        case (.failure, .leaving): return .handBack
        case (.failure(let failure), _): return JobOutcome(failure, attempt: charged, policy: policy)
        }
    }

    private var policy: RetryPolicy {
        var policy = life.handlers[claim.job.kind]?.kind.retry ?? RetryPolicy()
        policy.maxAttempts = claim.job.maxAttempts
        if let backoff = claim.job.backoff {
            policy.baseMilliseconds = backoff.baseMilliseconds
            policy.capMilliseconds = backoff.capMilliseconds
        }
        return policy
    }

    /// A result that SQL refuses for itself (not for a moment) is a failure of the job, not a reason to try for ever.
    private func finish(_ outcome: JobOutcome) async throws(DeskError) -> Settled {
        do {
            return try await life.desk.finish(claim, as: outcome, saying: conversation.turn)
        } catch .internalFault(let why) {
            log(.error, "The outcome could not be stored", ["error": "\(why)"])
            let failure = JobFailure.permanent("The result could not be stored: \(why)", type: "result_refused")
            return try await life.desk.finish(claim, as: .failed(failure))
        }
    }

    /// Repeats a call until the stores answer; nil when the job was lost meanwhile.
    private func whileStoreIsAway<Value: Sendable>(_ call: @escaping @Sendable () async throws(DeskError) -> Value) async -> Value? {
        var delay = 50
        defer { if delay > 50 { life.executions.set(.none, for: self) } }
        while !isDropped {
            do { return try await shielded(call) } catch {
                log(.warning, "A store is away, or refuses this attempt; it waits", ["error": "\(error)"])
                life.executions.set(await isRefusedAlone(error, delay) ? .alone : .forStore, for: self)
            }
            // Not ended early by a cancellation: the store would be asked without a pause.
            let pause = Int.random(in: delay / 2...delay)
            await Task { try? await Task.sleep(for: .milliseconds(pause)) }.value
            delay = min(delay * 2, 2000)
        }
        return nil
    }

    /// Whether the stores answer others and only this attempt waits: one that is refused for ever must not stop its worker.
    private func isRefusedAlone(_ error: DeskError, _ delay: Int) async -> Bool {
        if case .internalFault = error { return true }
        guard delay >= 2000 else { return false }
        return await Task { await self.life.desk.storesAnswer() }.value
    }

    /// In a task that was cancelled no store would answer: then the call has a task of its own.
    private func shielded<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(DeskError) -> Value
    ) async throws(DeskError) -> Value {
        guard Task.isCancelled else { return try await call() }
        let task = Task { () async -> Result<Value, DeskError> in
            do throws(DeskError) { return .success(try await call()) } catch { return .failure(error) }
        }
        return try await task.value.get()
    }

    /// Cost of a line that is not written: one comparison.
    private func log(_ level: Logger.Level, _ message: Logger.Message, _ metadata: @autoclosure () -> Logger.Metadata = [:]) {
        guard level >= life.logger.logLevel else { return }
        let ids: Logger.Metadata = ["job_id": "\(claim.job.id)", "attempt": "\(claim.attempt)"]
        life.logger.log(level: level, message, metadata: ids.merging(metadata()) { $1 })
    }
}
