internal import JobModel
package import JobQueue
internal import RedisWire

/// How many workers a queue wants, and what that was reckoned from.
package struct QueueScaling: Sendable, Hashable {
    package var waiting = 0
    package var due = 0
    package var running = 0
    package var parked = 0
    package var isPaused = false
    package var oldestMilliseconds: Int64 = 0
    package var workers = 0
    package var slots = 0
    package var meanMilliseconds: Int64 = 0

    package init() {}

    /// What workers have to do: running jobs count, or a scaler would take their workers away.
    package var backlog: Int { waiting + due + running }

    /// So many workers that the backlog is done in `latencyMilliseconds`, but no more slots than jobs, and never fewer than run now.
    /// A paused queue needs only what runs. At least one while anything runs, waits or is parked.
    package func desired(latencyMilliseconds: Int64, standardSlots: Int, most: Int) -> Int {
        let work = isPaused ? running : backlog
        let needed = (Double(work) * Double(max(1, meanMilliseconds)) / Double(max(1, latencyMilliseconds))).rounded(.up)
        let wanted = min(work, max(running, Int(exactly: min(needed, 1e9)) ?? work))
        let each = workers > 0 && slots >= workers ? Double(slots) / Double(workers) : Double(max(1, standardSlots))
        let least = backlog + parked > 0 ? 1 : 0
        return min(most, max(least, Int(exactly: (Double(wanted) / each).rounded(.up)) ?? least))
    }
}

extension JobDesk {
    package func queueStates(_ queues: [String]) async throws(DeskError) -> [QueueState] {
        try await asking(redis: { () throws(RedisError) in try await queue.states(of: queues) })
    }

    package func workers() async throws(DeskError) -> [WorkerInfo] {
        try await asking(redis: { () throws(RedisError) in try await queue.workers() })
    }

    /// Needs Redis alone: an outage of PostgreSQL must not scale workers away.
    package func scaling(of name: String) async throws(DeskError) -> QueueScaling {
        var scaling = QueueScaling()
        guard let state = try await queueStates([name]).first else { return scaling }
        let workers = try await workers().filter { $0.health == .alive && !$0.isForSuspects && $0.queues.contains(name) }
        try? await durations.refresh()
        scaling.waiting = state.waitingTotal
        scaling.due = state.due
        scaling.running = state.running
        scaling.parked = state.parked
        scaling.isPaused = state.isPaused
        scaling.oldestMilliseconds = state.oldestMilliseconds ?? 0
        scaling.workers = workers.count
        scaling.slots = workers.reduce(0) { $0 + $1.slots }
        scaling.meanMilliseconds = meanDuration(of: name)
        return scaling
    }

    /// Of the queue's kinds by how often they ran; before there is a history, by what they expect.
    func meanDuration(of name: String) -> Int64 {
        let kinds = catalogue.kinds.filter { $0.queue == name }
        let known = kinds.map { durations.history(of: $0.name) }.filter { $0.total >= DurationHistory.enough }
        let total = known.reduce(0) { $0 + $1.total }
        guard total > 0 else { return kinds.map(\.estimatedMilliseconds).reduce(0, +) / Int64(max(1, kinds.count)) }
        return Int64(known.reduce(0.0) { $0 + Double($1.meanMilliseconds) * Double($1.total) } / Double(total))
    }
}
