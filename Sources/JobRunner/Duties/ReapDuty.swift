internal import JobDesk
internal import JobQueue
internal import Logging
internal import Synchronization

/// In one look: many that fell silent together must not make the looks slow.
private let mostNotes = 50

extension Duty {
    /// Recovers what dead workers held. Every worker is a reaper: marking a worker dead is compared and set in one step.
    static func reap(_ life: WorkerLife) -> Duty {
        let watch = ReaperWatch(Reaper(lease: life.settings.lease, interval: life.settings.reapInterval))
        return Duty("reap", every: life.settings.reapInterval) {
            do {
                let seen = try await life.desk.queue.observe(life.allStreams).filter { $0.worker != life.name }
                let findings = watch.look(at: seen)
                // Before the recoveries: PostgreSQL may be away for those.
                for (worker, stillness) in findings.still.prefix(mostNotes) { try await life.desk.queue.noteStillness(worker, stillness) }
                for worker in findings.dead { try await recover(worker, life) }
                guard !findings.dead.isEmpty else { return }
            } catch {
                watch.startAnew()
                throw error
            }
            try await life.startSuspects(atMost: .max)
        }
    }

    private static func recover(_ worker: Observation, _ life: WorkerLife) async throws {
        guard try await life.desk.queue.markDead(worker) else { return }
        let released = try await life.desk.recover(worker.worker, streams: life.allStreams)
        _ = try await life.desk.queue.sweepPermits()
        life.logger.warning("A worker is dead; its jobs run again", metadata: ["dead": "\(worker.worker)", "jobs": "\(released)"])
    }
}

/// The reaper's memory between two looks.
private final class ReaperWatch: Sendable {
    private let reaper: Mutex<Reaper>

    init(_ reaper: Reaper) {
        self.reaper = Mutex(reaper)
    }

    func look(at seen: [Observation]) -> Reaper.Findings {
        reaper.withLock { $0.look(at: seen, now: .now) }
    }

    func startAnew() {
        reaper.withLock { $0.startAnew() }
    }
}
