internal import JobDesk
internal import JobQueue
internal import RedisWire

extension Duty {
    /// Jobs whose worker died run alone, each in a process of its own that takes one of this worker's slots. One process a look: whoever recovered
    /// the jobs has started some already, other workers do too, and a process that ends at once is not started again in a circle.
    static func runSuspects(_ life: WorkerLife) -> Duty {
        Duty("run_suspects", every: life.settings.suspectInterval) { try await life.startSuspects(atMost: 1) }
    }
}

extension WorkerLife {
    /// As slots are free, and never so that this worker has more processes than there are suspects: those that have not claimed yet are on their way.
    func startSuspects(atMost most: Int) async throws(RedisError) {
        guard let launchSuspects, isWorking else { return }
        let suspects = try await desk.queue.suspects(settings.queues + settings.companionQueues)
        guard suspects.waiting > 0 else { return executions.keepNoSlot() }
        for _ in 0..<min(most, suspects.waiting) {
            guard executions.lend(atMost: suspects.waiting + suspects.running) else { return }
            Task {
                await launchSuspects()
                executions.takeBack()
            }
        }
    }
}
