internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import RedisWire

/// Claims jobs for free slots only, one call at a time: what is claimed runs, what nobody runs is handed back.
struct ClaimLoop {
    let life: WorkerLife
    private var order: StreamOrder
    /// The last claims brought all that they asked for: more waits.
    private var isBehind = false

    init(life: WorkerLife) {
        self.life = life
        order = StreamOrder(
            life.desk.queue.keys, queues: life.settings.queues, levels: life.settings.isForSuspects ? [.suspect] : StreamLevel.ordinary,
            lowestShare: life.settings.lowestShare)
    }

    mutating func run() async {
        var lastCheck: (generation: Int, at: ContinuousClock.Instant)?
        var failures = 0
        while life.isWorking {
            do {
                let generation = life.desk.queue.connectionGeneration
                if lastCheck.map({ $0.generation != generation || $0.at.duration(to: .now) > life.settings.lease }) ?? true {
                    _ = try await life.desk.handBackUnknown(of: life.name, streams: life.allStreams, running: life.executions.jobIDs)
                    lastCheck = (generation, .now)
                }
                if try await !claimOnce() { lastCheck = nil }
                failures = 0
            } catch {
                lastCheck = nil  // Redis may have handed out what never came here
                failures += 1
                await pause(after: failures, error)
            }
        }
    }

    /// False when this worker was given more entries than it has slots: the rest must go back. The wait for a slot is bounded, because entries
    /// that nobody runs are looked for once a lease on a full worker too.
    private mutating func claimOnce() async throws -> Bool {
        let free = await life.executions.waitForFreeSlot(within: life.settings.lease)
        life.lastClaim.note()
        guard free > 0, life.isWorking else { return true }
        let changes = life.pauseChanges
        let brought = try await claim(free)
        if brought.count > 0 { return true }
        if life.settings.isForSuspects {
            await endWhenIdle()
            return true
        }
        guard life.isWorking, life.pauseChanges == changes else { return true }
        return try await waitForWork(free, without: brought.paused)
    }

    /// One claim; while there is a backlog a second one follows at once, so that Redis has work while the jobs of the first one are started.
    /// Then replies are read on the shared pool: the event loop has its hands full, and two more wake-ups of threads a claim do not count.
    private mutating func claim(_ free: Int) async throws -> (count: Int, paused: [String]) {
        let first = min(free, batch)
        let second = isBehind ? min(free - first, batch) : 0
        let (streams, lowestFirst) = (order.streams, order.share(of: first + second))
        let place: any TaskExecutor = isBehind ? globalConcurrentExecutor : life.desk.queue.executor
        let (one, two) = try await withTaskExecutorPreference(place) { [self] in
            async let brought = attempt(first, streams, min(first, lowestFirst))
            async let more = attempt(second, streams, 0)
            // Both to their ends: a claim that is cancelled has taken jobs that nobody runs.
            let both = await (brought, more)
            return try (both.0.get(), both.1.get())
        }
        order.turn(claimed: one.count + two.count)
        isBehind = one.count == first && two.count == second
        return (one.count + two.count, one.paused)
    }

    private func attempt(_ count: Int, _ streams: [String], _ lowestFirst: Int) async -> Result<(count: Int, paused: [String]), any Error> {
        guard count > 0 else { return .success((0, [])) }
        do {
            return .success(try await run(life.desk.queue.claim(for: life.name, from: streams, count: count, lowestFirst: lowestFirst)))
        } catch { return .failure(error) }
    }

    /// Jobs in one claim: bounds the time Redis is held to a millisecond, and leaves slots for the next claim while these run and settle.
    private var batch: Int { min(64, max(8, life.settings.slots / 4)) }

    /// An idle worker waits in a blocking read over the streams that are not paused.
    private func waitForWork(_ free: Int, without paused: [String]) async throws -> Bool {
        let streams = paused.isEmpty ? order.streams : order.streams(without: paused)
        guard !streams.isEmpty else {
            try? await Task.sleep(for: .milliseconds(500))
            return true
        }
        let entries = try await life.waiter.wait(as: life.name, on: streams)
        for entry in entries.prefix(free) { _ = try await run(life.desk.queue.claim(entry, for: life.name)) }
        return entries.count <= free
    }

    /// Starts what was claimed; says how many entries there were, and which queues are paused.
    private func run(_ reply: ClaimReply) async throws -> (count: Int, paused: [String]) {
        life.lastClaim.note()
        switch reply {
        case .dead:
            life.die()
            return (1, [])
        case .unregistered:
            if try await life.desk.queue.beat(life.card, running: life.executions.count) == .dead { life.die() }
            return (1, [])
        case .claimed(let claimed):
            life.executions.start(claimed.claims.map { Execution(claim: $0, life: life) })
            for foreign in claimed.foreign { try await life.desk.adopt(foreign) }
            return (claimed.claims.count + claimed.foreign.count, claimed.paused)
        }
    }

    /// A process for suspects has one job at a time, and goes when there is none.
    private func endWhenIdle() async {
        if (try? await life.desk.queue.suspects(life.settings.queues)) == 0 { life.drain() }
    }

    /// Exponential backoff with full jitter: workers that lost Redis together do not come back together.
    private func pause(after failures: Int, _ error: any Error) async {
        if failures == 1 || failures.isMultiple(of: 20) {
            life.logger.warning("The worker cannot claim jobs and tries again", metadata: ["error": "\(error)", "failures": "\(failures)"])
        }
        let ceiling = min(2000, 50 << min(failures, 6))
        try? await Task.sleep(for: .milliseconds(Int.random(in: 10...ceiling)))
    }
}
