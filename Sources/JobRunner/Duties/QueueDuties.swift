internal import JobDesk
internal import JobQueue
internal import Logging

/// Small duties about the queue that need nothing but one call of it.
extension Duty {
    /// Queues what is due: delayed jobs and retries.
    static func promote(_ life: WorkerLife) -> Duty {
        Duty("promote", every: life.settings.promoteInterval) { _ = try await life.desk.queue.promote() }
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
        Duty(leading: "repair", every: life.settings.repairInterval) { _ in
            let mended = try await life.desk.queue.repair()
            if mended > 0 { life.logger.info("Jobs without a place in Redis were given one", metadata: ["jobs": "\(mended)"]) }
        }
    }

    /// Suspects run alone, each in a process of its own that takes one of this worker's slots.
    static func runSuspects(_ life: WorkerLife) -> Duty {
        Duty("run_suspects", every: life.settings.suspectInterval) {
            guard let launch = life.launchSuspects, life.isWorking else { return }
            guard try await life.desk.queue.suspects(life.settings.queues) > 0 else { return life.executions.keepNoSlot() }
            guard life.executions.lend() else { return }
            Task {
                await launch()
                life.executions.takeBack()
            }
        }
    }

    /// Tells the others how long completed jobs took.
    static func flushDurations(_ life: WorkerLife) -> Duty {
        Duty("flush_durations", every: life.settings.durationInterval) { try await life.desk.durations.flush() }
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
