internal import JobDesk
internal import JobLedger
internal import JobQueue
internal import Logging

/// The rows are the outbox, and they have the last word: both stores are brought in line, a portion at a time.
extension Duty {
    /// A Redis whose mark is not the one in SQL has lost what it had: every recorded job that lives is queued again at once. The mark goes to SQL
    /// afterwards, so that a leader that dies in between is followed by one that does it again.
    static func noticeLoss(_ life: WorkerLife) -> Duty {
        Duty(leading: "notice_loss", every: life.settings.lossInterval) { token in
            let mark = try await life.desk.queue.generation()
            guard try await life.desk.ledger.generation() != mark else { return }
            // Before any job is queued again: a paused queue stays so. What fails here, `applyControls` does a moment later.
            _ = try? await life.desk.applyControls()
            let queued = try await life.desk.reconcile(olderThan: 0)
            try await life.desk.ledger.setGeneration(mark, token)
            if queued > 0 {
                life.logger.warning("Redis had lost its jobs; recorded ones were queued again", metadata: ["jobs": "\(queued)"])
            }
        }
    }

    /// Limits and pauses that Redis was not told, or has lost.
    static func applyControls(_ life: WorkerLife) -> Duty {
        Duty(leading: "apply_controls", every: life.settings.reconcileInterval) { _ in
            if try await life.desk.applyControls() { life.logger.info("Limits and pauses were brought from PostgreSQL to Redis") }
        }
    }

    static func reconcile(_ life: WorkerLife) -> Duty {
        let memory = DutyMemory(ReconcilePlace())
        return Duty(leading: "reconcile", every: life.settings.reconcileInterval) { _ in
            // A loss that was not noticed yet must not let a paused queue run.
            _ = try await life.desk.applyControls()
            let (queued, place) = try await life.desk.reconcile(from: memory.value)
            memory.value = place
            if queued > 0 { life.logger.info("Recorded jobs that Redis did not know were queued", metadata: ["jobs": "\(queued)"]) }
        }
    }

    /// Closes jobs in Redis that have ended in SQL, and ends the event streams of those that Redis has lost.
    static func sweep(_ life: WorkerLife) -> Duty {
        let memory = DutyMemory(Int64(0))
        return Duty(leading: "sweep", every: life.settings.sweepInterval) { _ in
            let (closed, next) = try await life.desk.closeEnded(from: memory.value)
            memory.value = next ?? 0
            if closed > 0 { life.logger.info("Jobs that had ended in SQL were closed in Redis", metadata: ["jobs": "\(closed)"]) }
            _ = try await life.desk.endLostWatches()
        }
    }
}
