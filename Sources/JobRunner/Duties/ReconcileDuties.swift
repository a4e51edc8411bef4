internal import JobDesk
internal import JobQueue
internal import Logging

/// The rows are the outbox: what Redis does not know of them is queued again.
extension Duty {
    /// A Redis without our mark has lost what it had: every recorded job that lives is queued again at once.
    static func noticeLoss(_ life: WorkerLife) -> Duty {
        Duty("notice_loss", every: life.settings.lossInterval) {
            guard try await life.desk.queue.renewGeneration() else { return }
            let queued = try await life.desk.reconcile(olderThan: 0)
            if queued > 0 {
                life.logger.warning("Redis had lost its jobs; recorded ones were queued again", metadata: ["jobs": "\(queued)"])
            }
        }
    }

    static func reconcile(_ life: WorkerLife) -> Duty {
        Duty(leading: "reconcile", every: life.settings.reconcileInterval) { _ in
            let queued = try await life.desk.reconcile()
            if queued > 0 { life.logger.info("Recorded jobs that Redis did not know were queued", metadata: ["jobs": "\(queued)"]) }
        }
    }
}
