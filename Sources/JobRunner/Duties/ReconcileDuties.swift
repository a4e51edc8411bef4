internal import JobDesk
internal import JobQueue
internal import Logging

/// The rows are the outbox: what Redis does not know of them is queued again.
extension Duty {
    /// A Redis without our mark has lost what it had: every recorded job that lives is queued again at once.
    static func noticeLoss(_ life: WorkerLife) -> Duty {
        Duty("notice_loss", every: life.settings.lossInterval) {
            guard try await life.desk.queue.renewGeneration() else { return }
            // Before any job is queued again: a paused queue stays so. What fails here, `applyControls` does a moment later.
            _ = try? await life.desk.applyControls()
            let queued = try await life.desk.reconcile(olderThan: 0)
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
        Duty(leading: "reconcile", every: life.settings.reconcileInterval) { _ in
            let queued = try await life.desk.reconcile()
            if queued > 0 { life.logger.info("Recorded jobs that Redis did not know were queued", metadata: ["jobs": "\(queued)"]) }
        }
    }
}
