internal import JobDesk
internal import JobQueue
internal import RedisWire

extension Duty {
    /// Jobs whose worker died run alone, each in a process of its own that takes one of this worker's slots.
    static func runSuspects(_ life: WorkerLife) -> Duty {
        Duty("run_suspects", atMostEvery: life.settings.suspectInterval) { try await life.startSuspects() ? .milliseconds(250) : nil }
    }
}

extension WorkerLife {
    /// Starts processes for a quarter of the suspects that wait, and for one at least: those whose process has not claimed yet wait too, and other
    /// workers start some. Never more processes than suspects. Says whether it started any, and is worth asking again soon.
    @discardableResult
    func startSuspects() async throws(RedisError) -> Bool {
        guard let launchSuspects, isWorking else { return false }
        let suspects = try await desk.queue.suspects(settings.queues + settings.companionQueues)
        guard suspects.waiting > 0 else {
            executions.keepNoSlot()
            return false
        }
        var started = 0
        while started < max(1, suspects.waiting / 4), executions.lend(atMost: suspects.waiting + suspects.running) {
            started += 1
            Task {
                await launchSuspects()
                executions.takeBack()
            }
        }
        return started > 0
    }
}
