internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import RedisWire

/// Claims jobs for free slots only, one call at a time: what is claimed runs, what nobody runs is handed back.
struct ClaimLoop {
    let life: WorkerLife

    func run() async {
        var lastCheck: (generation: Int, at: ContinuousClock.Instant)?
        var failures = 0
        while life.isWorking {
            do {
                let generation = life.desk.queue.connectionGeneration
                if lastCheck.map({ $0.generation != generation || $0.at.duration(to: .now) > life.settings.lease }) ?? true {
                    _ = try await life.desk.handBackUnknown(of: life.name, streams: life.allStreams, running: life.executions.jobIDs)
                    lastCheck = (generation, .now)
                }
                try await claimOnce()
                failures = 0
            } catch {
                failures += 1
                await pause(after: failures, error)
            }
        }
    }

    private func claimOnce() async throws {
        let free = await life.executions.waitForFreeSlot()
        life.lastClaim.note()
        guard free > 0, life.isWorking else { return }
        if try await run(life.desk.queue.claim(for: life.name, from: life.ownStreams, count: free)) > 0 { return }
        if life.settings.isForSuspects { return await endWhenIdle() }
        guard life.isWorking, let entry = try await life.waiter.wait(as: life.name, on: life.ownStreams) else { return }
        _ = try await run(life.desk.queue.claim(entry, for: life.name))
    }

    /// Starts what was claimed; returns how many entries there were.
    private func run(_ reply: ClaimReply) async throws -> Int {
        life.lastClaim.note()
        switch reply {
        case .dead:
            life.die()
            return 1
        case .unregistered:
            if try await life.desk.queue.beat(life.card, running: life.executions.count) == .dead { life.die() }
            return 1
        case .claimed(let claimed):
            for claim in claimed.claims { start(claim) }
            for foreign in claimed.foreign { try await life.desk.adopt(foreign) }
            return claimed.claims.count + claimed.foreign.count
        }
    }

    private func start(_ claim: Claim) {
        let execution = Execution(
            claim: claim, handler: life.handlers[claim.job.kind], desk: life.desk, executions: life.executions,
            stopGrace: life.settings.stopGrace, logger: life.logger)
        life.executions.start(execution)
    }

    /// A process for suspects has one job at a time, and goes when there is none.
    private func endWhenIdle() async {
        await life.executions.waitUntilEmpty(within: nil)
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
