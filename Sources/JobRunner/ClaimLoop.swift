internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import RedisWire

/// Claims jobs for free slots only, one call at a time: what is claimed runs, what nobody runs is handed back.
struct ClaimLoop {
    let life: WorkerLife
    private var order: StreamOrder
    /// Entries that were handed to this worker and are not claimed yet: all of one stream. Slots are kept for them.
    private var delivered: [DeliveredEntry] = []
    /// How many more jobs a claim that is under way may bring.
    private var underWay = 0
    /// Entries were delivered and not claimed: they must go back at once.
    private var isLost = false
    /// The stream that all of the last claim came from, when it brought all that was asked for: more waits there.
    private var busy: String?

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
                if lastCheck?.generation != generation { forgetDelivered() }
                if lastCheck.map({ $0.generation != generation || $0.at.duration(to: .now) > life.settings.lease }) ?? true {
                    let known = life.executions.jobIDs.union(delivered.compactMap(\.jobID))
                    _ = try await life.desk.handBackUnknown(of: life.name, streams: life.allStreams, running: known)
                    lastCheck = (generation, .now)
                }
                if try await !claimOnce() || isLost { lastCheck = nil }
                isLost = false
                failures = 0
            } catch {
                lastCheck = nil  // Redis may have handed out what never came here
                failures += 1
                await pause(after: failures, error)
            }
        }
        await handBackDelivered()
    }

    /// A worker that leaves runs what it has for a while: what it only read ahead must not wait for that. A dead one holds nothing.
    private mutating func handBackDelivered() async {
        guard !delivered.isEmpty, life.isLeaving else { return }
        forgetDelivered()
        _ = try? await life.desk.handBackUnknown(of: life.name, streams: life.allStreams, running: life.executions.jobIDs)
    }

    /// False when this worker was given more entries than it has slots: the rest must go back. The wait for a slot is bounded, because entries
    /// that nobody runs are looked for once a lease on a full worker too.
    private mutating func claimOnce() async throws -> Bool {
        let free = delivered.isEmpty ? await life.executions.waitForFreeSlot(within: life.settings.lease) : life.executions.freeSlots
        life.lastClaim.note()
        guard free > 0 || !delivered.isEmpty, life.isWorking else { return true }
        let changes = life.pauseChanges
        let brought = try await claim(free)
        if brought.count > 0 || !delivered.isEmpty { return true }
        if life.settings.isForSuspects {
            await endWhenIdle()
            return true
        }
        guard life.isWorking, life.pauseChanges == changes else { return true }
        return try await waitForWork(without: brought.paused)
    }

    /// One claim or, while a stream has a backlog, a chain of them: the next one is under way while the jobs of this one are started.
    private mutating func claim(_ free: Int) async throws -> (count: Int, paused: [String]) {
        var request = request(free)
        var answer = try keep(await ask(request).get(), of: request)
        for _ in 0..<ClaimLoop.longestChain {
            guard busy != nil, !delivered.isEmpty, life.isWorking else { break }
            let next = self.request(life.executions.freeSlots)
            async let ahead = ask(next)
            underWay = next.count + (next.aside?.count ?? 0)
            let brought = await starting(answer, of: request)
            underWay = 0
            (request, answer) = (next, try keep(await ahead.get(), of: next))
            // Whatever became of the one before, what this one took must run: nobody else has it.
            if case .failure(let error) = brought {
                _ = await starting(answer, of: request)
                throw error
            }
        }
        return try await starting(answer, of: request).get()
    }

    /// Claims in a chain, after which the loop looks at the clock.
    private static let longestChain = 100

    /// What to ask for next, with so many slots free. Where a stream has a backlog, what will be claimed next is read from it beside the script,
    /// which then looks only whether something waits above it, and gives the lowest level its share: half the work for Redis, and the order
    /// stays strict but for two batches.
    private func request(_ free: Int) -> ClaimRequest {
        let most = min(free, batch)
        var request = ClaimRequest(order.streams, count: most, lowestFirst: order.share(of: most))
        request.delivered = delivered
        let aside = min(free - 1 - request.lowestFirst, batch)
        if let busy, aside >= ClaimLoop.leastAside {
            request.count = 1 + request.lowestFirst
            request.aside = (busy, aside)
        }
        return request
    }

    /// Reading beside the script takes a round trip more until a job runs: that is for many at once.
    private static let leastAside = 8

    private func ask(_ request: ClaimRequest) async -> Result<ClaimAnswer, RedisError> {
        do throws(RedisError) { return .success(try await life.desk.queue.ask(request, for: life.name)) } catch { return .failure(error) }
    }

    /// Slots stay kept for what was claimed until it runs, and for what was delivered until it is claimed.
    private mutating func keep(_ answer: ClaimAnswer, of request: ClaimRequest) -> ClaimAnswer {
        life.executions.reserve(request.delivered.count + request.count + answer.delivered.count)
        delivered = answer.delivered
        if let aside = request.aside, answer.delivered.count < aside.count { busy = nil }
        return answer
    }

    /// Starts what was claimed; what was not is free again.
    private mutating func starting(
        _ answer: ClaimAnswer, of request: ClaimRequest
    ) async -> Result<(count: Int, paused: [String]), any Error> {
        do {
            let reply = try life.desk.queue.read(answer, of: request, for: life.name)
            let brought = try await run(reply)
            life.executions.reserve(delivered.count + underWay)
            order.turn(claimed: brought.count)
            note(reply, to: request)
            return .success(brought)
        } catch {
            return .failure(error)
        }
    }

    /// The stream where more waits: one that gave all that was asked for, or the last one as long as nothing waits above it.
    private mutating func note(_ reply: ClaimReply, to request: ClaimRequest) {
        guard case .claimed(let claimed) = reply else {
            isLost = isLost || !request.delivered.isEmpty || !delivered.isEmpty
            return busy = nil
        }
        if let (stream, _) = request.aside {
            let above = request.streams.prefix { $0 != stream }
            let isPaused = claimed.paused.contains(life.desk.queue.queueName(of: stream))
            if isPaused || claimed.claims.contains(where: { above.contains($0.stream) }) { busy = nil }
        } else if delivered.isEmpty {
            let streams = Set(claimed.claims.map(\.stream))
            let isFull = request.count > 0 && claimed.claims.count >= request.count
            busy = isFull && streams.count == 1 ? streams.first : nil
        }
    }

    private mutating func forgetDelivered() {
        delivered = []
        life.executions.reserve(0)
    }

    /// Jobs in one claim: bounds the time Redis is held to a millisecond, and leaves slots for the next claim while these run and settle.
    private var batch: Int { min(64, max(8, life.settings.slots / 4)) }

    /// An idle worker waits in a blocking read over the streams that are not paused.
    private func waitForWork(without paused: [String]) async throws -> Bool {
        guard life.executions.freeSlots > 0 else { return true }
        let streams = paused.isEmpty ? order.streams : order.streams(without: paused)
        guard !streams.isEmpty else {
            try? await Task.sleep(for: .milliseconds(500))
            return true
        }
        let entries = try await life.waiter.wait(as: life.name, on: streams)
        let taken = entries.prefix(life.executions.freeSlots)
        for entry in taken { _ = try await run(life.desk.queue.claim(entry, for: life.name)) }
        return taken.count == entries.count
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
        if (try? await life.desk.queue.suspects(life.settings.queues).waiting) == 0 { life.drain() }
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
