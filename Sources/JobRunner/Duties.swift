internal import JobDesk
internal import JobModel
internal import JobQueue
internal import Logging
internal import RedisWire

/// What every worker does beside its jobs: recover dead workers, queue what is due, notice cancels, and (one worker at a time) reconcile.
/// Each runs on its own timer, independent of new work: an idle queue recovers as fast as a busy one.
struct Duties: Sendable {
    let life: WorkerLife

    func start(in group: inout TaskGroup<Void>) {
        group.addTask { await reap() }
        group.addTask { await every(life.settings.promoteInterval, "promote") { _ = try await life.desk.queue.promote() } }
        group.addTask { await every(.seconds(1), "notice cancels") { try await noticeCancels() } }
        group.addTask { await every(.seconds(1), "look for a lost Redis") { try await reconcileAfterLoss() } }
        group.addTask { await every(life.settings.reconcileInterval, "reconcile") { try await reconcile() } }
        group.addTask { await every(.seconds(1), "flush durations") { try await life.desk.durations.flush() } }
        group.addTask { await every(life.settings.reapInterval, "run suspects") { try await runSuspects() } }
    }

    private func every(_ interval: Duration, _ duty: String, _ body: () async throws -> Void) async {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await body()
                failures = 0
            } catch {
                if Task.isCancelled { return }
                failures += 1
                if failures == 1 {
                    life.logger.warning("A duty failed and is tried again", metadata: ["duty": "\(duty)", "error": "\(error)"])
                }
            }
            try? await Task.sleep(for: interval)
        }
    }

    private func reap() async {
        var reaper = Reaper(lease: life.settings.lease, interval: life.settings.reapInterval)
        while !Task.isCancelled {
            do {
                let seen = try await life.desk.queue.observe(life.allStreams).filter { $0.worker != life.name }
                for worker in reaper.look(at: seen, now: .now) { try await recover(worker) }
            } catch {
                reaper.startAnew()
            }
            try? await Task.sleep(for: life.settings.reapInterval)
        }
    }

    private func recover(_ worker: Observation) async throws {
        guard try await life.desk.queue.markDead(worker) else { return }
        let released = try await life.desk.recover(worker.worker, streams: life.allStreams)
        life.logger.warning("A worker is dead; its jobs run again", metadata: ["dead": "\(worker.worker)", "jobs": "\(released)"])
    }

    private func noticeCancels() async throws {
        let running = Array(life.executions.jobIDs)
        guard !running.isEmpty else { return }
        for id in try await life.desk.queue.cancelRequests(among: running) { life.executions.stop(id, .cancelled) }
    }

    /// A Redis without our mark has lost what it had.
    private func reconcileAfterLoss() async throws {
        guard try await life.desk.queue.renewGeneration() else { return }
        let queued = try await life.desk.reconcile(olderThan: 0)
        if queued > 0 { life.logger.warning("Redis had lost its jobs; recorded ones were queued again", metadata: ["jobs": "\(queued)"]) }
    }

    private func reconcile() async throws {
        let term = life.settings.reconcileInterval * 2
        guard try await life.desk.queue.lead(as: life.name, milliseconds: term.components.seconds * 1000) else { return }
        let queued = try await life.desk.reconcile()
        let mended = try await life.desk.queue.repair()
        if queued + mended > 0 {
            life.logger.info("Jobs without a place in Redis were queued again", metadata: ["rows": "\(queued)", "entries": "\(mended)"])
        }
    }

    /// Suspects run alone, each in a process of its own that takes one of this worker's slots.
    private func runSuspects() async throws {
        guard let launch = life.launchSuspects, life.isWorking else { return }
        guard try await life.desk.queue.suspects(life.settings.queues) > 0 else { return life.executions.keepNoSlot() }
        guard life.executions.lend() else { return }
        Task {
            await launch()
            life.executions.takeBack()
        }
    }
}
