internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import RedisWire
internal import Synchronization

/// One life of a worker: a name, a beat, and the loops that run while it lives. Claims come from `ClaimLoop`, duties from `Duties`.
final class WorkerLife: Sendable {
    enum End: Sendable {
        case left
        case dead
    }

    let card: WorkerCard
    let desk: JobDesk
    let settings: RunnerSettings
    let handlers: [String: any JobHandler]
    let launchSuspects: SuspectLauncher?
    let executions: Executions
    let leadership: Leadership
    let dutyBook = DutyBook()
    let waiter: WorkWaiter
    let lastClaim = LastClaim()
    let logger: Logger
    /// Somebody asked this worker to leave: the whole process does.
    private let askedToLeave: @Sendable () -> Void
    private let phase = Mutex(Phase.working)
    private let pauses = Mutex(0)
    private let ends: AsyncStream<Phase>
    private let end: AsyncStream<Phase>.Continuation
    private let (claimsEnded, claimsEnd) = AsyncStream<Void>.makeStream()

    enum Phase: Sendable {
        case working, draining, dead
    }

    init(
        desk: JobDesk, handlers: [String: any JobHandler], settings: RunnerSettings, launchSuspects: SuspectLauncher?,
        askedToLeave: @escaping @Sendable () -> Void = {}, logger: Logger
    ) {
        // A new random name at every start: a name is one process's for ever.
        let name = "\(settings.host)-\(settings.processID)-\(Digest.hexadecimal(Digest.randomBytes(5)))"
        var logger = logger
        logger[metadataKey: "worker"] = .string(name)
        self.logger = logger
        self.desk = desk
        self.askedToLeave = askedToLeave
        self.settings = settings
        self.handlers = handlers
        self.launchSuspects = launchSuspects
        card = WorkerCard(
            name: name, host: settings.host, processID: settings.processID, version: settings.version, queues: settings.queues,
            slots: settings.slots, isForSuspects: settings.isForSuspects)
        executions = Executions(slots: settings.slots)
        leadership = Leadership(ledger: desk.ledger, name: name, settings: settings, logger: logger)
        waiter = desk.queue.waiter()
        (ends, end) = AsyncStream.makeStream()
    }

    var name: String { card.name }
    var isWorking: Bool { phase.withLock { $0 == .working } }
    var isLeaving: Bool { phase.withLock { $0 == .draining } }

    /// Every stream of every queue there is: a reaper recovers whatever a worker held.
    var allStreams: [String] { desk.queue.keys.streams(desk.catalogue.queues, StreamLevel.allCases) }

    func drain() {
        move(to: .draining)
    }

    func die() {
        executions.close()
        move(to: .dead)
    }

    private func move(to next: Phase) {
        let moved = phase.withLock { phase in
            guard phase != .dead, phase != next else { return false }
            phase = next
            return true
        }
        if moved { end.yield(next) }
    }

    func run() async -> End {
        await register()
        let pulse = desk.queue.pulse(
            of: card, every: settings.beatInterval,
            state: { [executions, lastClaim] in
                BeatState(running: executions.count, leftBehind: executions.leftBehind, lastClaim: lastClaim.moment)
            },
            onReply: { [weak self] reply in
                if case .success(.dead) = reply { self?.die() }
                if case .success(.draining) = reply { self?.askedToLeave() }
            })
        pulse.start()
        logger.info("Worker is ready", metadata: ["queues": "\(settings.queues.joined(separator: ","))", "slots": "\(settings.slots)"])
        let result = await work()
        await pulse.stop()
        // After the last beat, which would register it again.
        if result == .left { await withdraw() }
        await waiter.close()
        return result
    }

    /// The first beat. A Redis that is away delays the worker; it does not end it.
    private func register() async {
        while isWorking {
            if let reply = try? await desk.queue.beat(card, running: 0), reply != .dead { return }
            logger.warning("Redis does not answer; the worker waits for it")
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func work() async -> End {
        await withTaskGroup(of: Void.self) { group in
            // It mostly waits for Redis and computes little: where the replies arrive it saves two wake-ups of threads a command.
            group.addTask(executorPreference: desk.queue.executor) {
                var claims = ClaimLoop(life: self)
                await claims.run()
                self.claimsEnd.finish()
            }
            if !settings.isForSuspects { Duties(life: self).start(in: &group) }
            group.addTask { await self.followControl() }
            let result = await waitForEnd()
            group.cancelAll()
            return result
        }
    }

    private func waitForEnd() async -> End {
        for await phase in ends {
            await waiter.interrupt(over: desk.queue)
            guard phase != .dead else { break }
            await leave()
            return .left
        }
        return .dead
    }

    private func leave() async {
        logger.info("Worker is leaving", metadata: ["running": "\(executions.count)"])
        await leadership.resign()
        await executions.waitUntilEmpty(within: settings.drainGrace)
        executions.stopAll(.leaving)
        // A claim may have been under way when the worker was told to leave: what it brought is handed back too.
        for await _ in claimsEnded {}
        executions.stopAll(.leaving)
        await executions.waitUntilEmpty(within: settings.stopGrace)
        try? await desk.durations.flush()
        _ = try? await desk.handBackUnknown(of: name, streams: allStreams, running: executions.jobIDs)
    }

    private func withdraw() async {
        if (try? await desk.queue.remove(name, streams: allStreams, isDead: false)) != true {
            logger.warning("Worker leaves with jobs that could not be handed back; another worker will recover them")
        }
    }

    /// Grows with every queue that is paused or resumed: a wait that began before must begin anew.
    var pauseChanges: Int { pauses.withLock { $0 } }

    private func changePauses() async {
        pauses.withLock { $0 += 1 }
        await waiter.interrupt(over: desk.queue)
    }

    /// A cancel message that was lost is made up for by the duty that asks Redis every second, a drain message by the next beat.
    private func followControl() async {
        while !Task.isCancelled {
            if let control = try? await desk.queue.control() {
                for await signal in control {
                    guard case .message(let bytes) = signal else { continue }
                    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
                    guard words.count == 2 else { continue }
                    if words[0] == "cancel", let id = JobID(String(words[1])) { executions.stop(id, .cancelled) }
                    if words[0] == "drain", words[1] == name { askedToLeave() }
                    if words[0] == "paused" || words[0] == "resumed" { await changePauses() }
                }
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}

/// When the last claim round trip ended; told with every beat.
final class LastClaim: Sendable {
    private let state = Mutex<Timestamp?>(nil)

    var moment: Timestamp? { state.withLock { $0 } }

    func note() {
        state.withLock { $0 = .now }
    }
}
