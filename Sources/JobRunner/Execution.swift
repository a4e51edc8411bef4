internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import Synchronization

/// One attempt at one job, from claim to settlement. Reads top to bottom.
/// What the job does is its handler's business; `ClaimLoop` decides how many run at once.
final class Execution: Sendable {
    let claim: Claim
    private let handler: (any JobHandler)?
    private let desk: JobDesk
    private let executions: Executions
    private let stopGrace: Duration
    private let logger: Logger
    private let signals: AsyncStream<Signal>
    private let signal: AsyncStream<Signal>.Continuation
    private let stopped = Mutex<StopReason?>(nil)

    private enum Signal: Sendable {
        case ended(Result<JSONValue, JobFailure>)
        case stop(StopReason)
        case graceIsOver
    }

    init(claim: Claim, handler: (any JobHandler)?, desk: JobDesk, executions: Executions, stopGrace: Duration, logger: Logger) {
        var logger = logger
        logger[metadataKey: "job_id"] = .string(claim.job.id.description)
        logger[metadataKey: "attempt"] = .stringConvertible(claim.attempt)
        self.claim = claim
        self.handler = handler
        self.desk = desk
        self.executions = executions
        self.stopGrace = stopGrace
        self.logger = logger
        (signals, signal) = AsyncStream.makeStream()
    }

    func run() async {
        if claim.job.cancelRequested { stop(.cancelled) }
        guard await start() else { return }
        let outcome = await work()
        guard let outcome else { return logger.warning("The attempt was dropped: this worker does not hold the job any more") }
        await settle(outcome)
    }

    /// Tells the attempt to stop; the first reason stands, but a loss overrules it: then nothing may be written.
    func stop(_ reason: StopReason) {
        let isNews = stopped.withLock { stopped in
            guard stopped == nil || reason == .lost || reason == .dead else { return false }
            stopped = reason
            return true
        }
        if isNews { signal.yield(.stop(reason)) }
    }

    private var stopReason: StopReason? { stopped.withLock { $0 } }

    private var isDropped: Bool { stopReason == .lost || stopReason == .dead }

    /// The start goes to SQL before the handler runs: a job that SQL has ended is not run again.
    private func start() async -> Bool {
        let started = await whileStoreIsAway { () throws(DeskError) in try await desk.start(claim) }
        guard case .go = started else {
            logger.info("The attempt was not started: the job has ended, or another attempt holds it")
            return false
        }
        logger.info("Job started", metadata: ["kind": "\(claim.job.kind)"])
        return true
    }

    /// How the attempt ended; nil when it lost the job.
    private func work() async -> JobOutcome? {
        if stopReason == .cancelled { return .cancelled(.cancelled) }
        let handled = runHandler()
        let timeout = Task { [timeout = claim.job.timeoutMilliseconds] in
            try? await Task.sleep(for: .milliseconds(timeout))
            if !Task.isCancelled { stop(.timeout) }
        }
        defer { timeout.cancel() }
        let result = await firstEnd(of: handled)
        return isDropped ? nil : outcome(of: result)
    }

    /// The handler in a task of its own: one that ignores its cancellation is left behind after the grace period.
    private func runHandler() -> Task<Void, Never> {
        Task {
            do throws(JobFailure) {
                signal.yield(.ended(.success(try await callHandler())))
            } catch {
                signal.yield(.ended(.failure(error)))
            }
        }
    }

    private func callHandler() async throws(JobFailure) -> JSONValue {
        guard let handler else {
            throw .permanent("There is no kind '\(claim.job.kind)' in this worker", type: "unknown_kind")
        }
        let input: JSONValue
        switch handler.kind.input.accept(claim.job.input) {
        case .success(let accepted): input = accepted
        case .failure(let faults):
            let details = faults.list.prefix(5).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; ")
            throw .permanent("The input does not fit the kind: \(details)", type: "invalid_input")
        }
        let lease = LeaseHolder(claim: claim, desk: desk) { [weak self] in self?.stop($0) }
        let context = JobContext(
            jobID: claim.job.id, attempt: claim.attempt, input: input, metadata: claim.job.metadata,
            reporter: lease, steps: lease, flow: FlowHolder(claim: claim, desk: desk) { [weak self] in self?.stop($0) }, logger: logger)
        return try await handler.run(in: context)
    }

    private func firstEnd(of handler: Task<Void, Never>) async -> Result<JSONValue, JobFailure> {
        var grace: Task<Void, Never>?
        defer { grace?.cancel() }
        for await signal in signals {
            switch signal {
            case .ended(let result): return result
            case .graceIsOver:
                logger.warning("The handler did not stop when it was told to; it is left behind")
                return .failure(.cancelled)
            case .stop:
                handler.cancel()
                if grace == nil {
                    grace = Task { [stopGrace, continuation = self.signal] in
                        try? await Task.sleep(for: stopGrace)
                        if !Task.isCancelled { continuation.yield(.graceIsOver) }
                    }
                }
            }
        }
        return .failure(.cancelled)
    }

    /// A result that came is a result, also after a stop. Otherwise the reason to stop says what it means.
    private func outcome(of result: Result<JSONValue, JobFailure>) -> JobOutcome {
        var policy = handler?.kind.retry ?? RetryPolicy()
        policy.maxAttempts = claim.job.maxAttempts
        if let backoff = claim.job.backoff {
            policy.baseMilliseconds = backoff.baseMilliseconds
            policy.capMilliseconds = backoff.capMilliseconds
        }
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

    /// The durable row comes before the ACK. A store that is away delays it; the outcome waits here.
    private func settle(_ outcome: JobOutcome) async {
        let settled = await whileStoreIsAway { () throws(DeskError) in try await finish(outcome) }
        switch settled {
        case .settled: logger.info("Job attempt ended", metadata: ["status": "\(outcome.state.rawValue)"])
        case .lost: logger.warning("The attempt was lost: another attempt holds the job, or the job has ended")
        case nil: logger.warning("The outcome was dropped: this worker does not hold the job any more")
        }
    }

    /// A result that SQL refuses for itself (not for a moment) is a failure of the job, not a reason to try for ever.
    private func finish(_ outcome: JobOutcome) async throws(DeskError) -> Settled {
        do {
            return try await desk.finish(claim, as: outcome)
        } catch .internalFault(let why) {
            logger.error("The outcome could not be stored", metadata: ["error": "\(why)"])
            let failure = JobFailure.permanent("The result could not be stored: \(why)", type: "result_refused")
            return try await desk.finish(claim, as: .failed(failure))
        }
    }

    /// Repeats a call until the stores answer; nil when the job was lost meanwhile.
    private func whileStoreIsAway<Value: Sendable>(_ call: () async throws(DeskError) -> Value) async -> Value? {
        var delay = 50
        defer { executions.setWaitingForStore(claim.job.id, false) }
        while !isDropped {
            do { return try await call() } catch {
                logger.warning("A store is away; the attempt waits for it", metadata: ["error": "\(error)"])
                executions.setWaitingForStore(claim.job.id, true)
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: delay / 2...delay)))
            delay = min(delay * 2, 2000)
        }
        return nil
    }
}
