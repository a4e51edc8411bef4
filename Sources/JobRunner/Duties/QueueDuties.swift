internal import JobDesk
internal import JobQueue
internal import Logging
internal import RedisWire
internal import Synchronization

/// Small duties about the queue that need nothing but one call of it.
extension Duty {
    /// Queues what is due: delayed jobs, retries, and jobs that wait for their turn under a rate. It comes back when the next one is due.
    static func promote(_ life: WorkerLife) -> Duty {
        Duty("promote", atMostEvery: life.settings.promoteInterval) { try await life.desk.queue.promote().next }
    }

    /// Takes back permits that nobody uses, and wakes what waits for them: some limits at a time.
    static func sweepLimits(_ life: WorkerLife) -> Duty {
        let cursor = Mutex("0")
        return Duty(leading: "sweep_limits", every: life.settings.limitInterval) { _ in
            let from = cursor.withLock { $0 }
            let swept = try await life.desk.queue.sweepLimits(from: from)
            cursor.withLock { $0 = swept.cursor }
            if swept.takenBack > 0 {
                life.logger.info("Permits that nobody uses were taken back", metadata: ["permits": "\(swept.takenBack)"])
            }
        }
    }

    /// Takes back permits of model servers whose attempts do not run any more.
    static func sweepPermits(_ life: WorkerLife) -> Duty {
        Duty(leading: "sweep_permits", every: life.settings.limitInterval) { _ in
            let taken = try await life.desk.queue.sweepPermits()
            if taken > 0 { life.logger.info("Permits of model servers were taken back", metadata: ["permits": "\(taken)"]) }
        }
    }

    /// Kinds of other programs: what their workers held is recovered here too, so their queues must be known.
    static func knowKinds(_ life: WorkerLife) -> Duty {
        Duty("know_kinds", every: .seconds(1)) {
            await life.desk.refreshKinds()
            try await life.desk.queue.sweepHTTPWorkers()
        }
    }

    /// The fallback for a cancel message that was lost on the way.
    static func noticeCancels(_ life: WorkerLife) -> Duty {
        Duty("notice_cancels", every: life.settings.cancelInterval) {
            let running = Array(life.executions.jobIDs)
            guard !running.isEmpty else { return }
            for id in try await life.desk.queue.cancelRequests(among: running) { life.executions.stop(id, .cancelled) }
        }
    }

    /// Mends live jobs that a torn log left without a place in Redis.
    static func repair(_ life: WorkerLife) -> Duty {
        let sweep = RepairSweep()
        return Duty(leading: "repair", every: life.settings.repairInterval) { _ in
            let mended = try await sweep.run(life.desk.queue) + life.desk.queue.mendPassed(life.allStreams)
            if mended > 0 { life.logger.info("Jobs without a place in Redis were given one", metadata: ["jobs": "\(mended)"]) }
        }
    }

    /// Tells the others how long completed jobs took.
    static func flushDurations(_ life: WorkerLife) -> Duty {
        Duty("flush_durations", every: life.settings.durationInterval) { try await life.desk.durations.flush() }
    }

    /// Tells /health how the model servers are, as this worker sees them.
    static func reportModels(_ life: WorkerLife) -> Duty {
        Duty("report_models", every: life.settings.reportInterval) {
            guard let report = life.settings.modelReport else { return }
            try await life.desk.queue.publishModels(of: life.name, await report(), for: life.settings.reportInterval * 4 + .seconds(30))
        }
    }

    /// Tells /health how the duties of this worker went.
    static func reportDuties(_ life: WorkerLife) -> Duty {
        Duty("report_duties", every: life.settings.reportInterval) {
            try await life.desk.queue.publishDuties(
                of: life.name, leads: life.leadership.token != nil, life.dutyBook.all.map(\.document),
                for: life.settings.reportInterval * 4 + .seconds(10))
        }
    }
}

/// Looks at all live jobs, some at a time, so that a backlog of a million costs no more than one of ten thousand. After a new connection,
/// which may mean a Redis that came back from its files, all of them at once.
final class RepairSweep: Sendable {
    /// Script calls of about a millisecond in one run.
    private static let batches = 50
    private let state = Mutex<(rank: Int64, generation: Int)>((0, 0))

    func run(_ queue: JobQueue) async throws(RedisError) -> Int {
        let generation = queue.connectionGeneration
        let (start, isNew) = state.withLock { state in
            defer { state.generation = generation }
            return (state.rank, state.generation != generation)
        }
        if isNew { return try await queue.repair() }
        var rank: Int64? = start
        var mended = 0
        for _ in 0..<Self.batches {
            guard let from = rank else { break }
            let part = try await queue.repair(from: from)
            mended += part.mended
            rank = part.next
        }
        state.withLock { $0.rank = rank ?? 0 }
        return mended
    }
}
