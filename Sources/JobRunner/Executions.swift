internal import JobModel
internal import Synchronization

/// Why a running attempt must stop.
enum StopReason: Sendable, Hashable {
    case cancelled
    case timeout
    /// The worker leaves: hand the job back, uncharged.
    case leaving
    /// Another attempt holds the job: write nothing.
    case lost
    /// The worker was declared dead: write nothing.
    case dead
}

/// The attempts that run in this worker, and its slots. Signals, not polling: whoever waits is resumed.
final class Executions: Sendable {
    private struct State {
        var running: [JobID: Execution] = [:]
        /// Of those, attempts whose outcome waits for a store that is away. They give up their slot, up to as many as there are slots.
        var waitingForStore: Set<JobID> = []
        /// Slots taken by processes for suspects.
        var lent = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let slots: Int
    private let state = Mutex(State())

    init(slots: Int) {
        self.slots = slots
    }

    var count: Int { state.withLock { $0.running.count + $0.lent } }
    var jobIDs: Set<JobID> { state.withLock { Set($0.running.keys) } }
    var freeSlots: Int { state.withLock { free($0) } }

    /// Nothing is claimed while an outcome waits for a store: what is claimed now could not be finished either.
    private func free(_ state: State) -> Int {
        guard state.waitingForStore.isEmpty else { return 0 }
        return max(0, slots - state.running.count - state.lent)
    }

    /// How many slots are free, once there is one; 0 when the task was cancelled or woken to look again.
    func waitForFreeSlot() async -> Int {
        let free = freeSlots
        if free > 0 { return free }
        await change { self.free($0) == 0 }
        return freeSlots
    }

    func start(_ execution: Execution) {
        state.withLock { $0.running[execution.claim.job.id] = execution }
        Task {
            await execution.run()
            self.update { $0.running[execution.claim.job.id] = nil }
        }
    }

    func stop(_ id: JobID, _ reason: StopReason) {
        state.withLock { $0.running[id] }?.stop(reason)
    }

    /// Ends every attempt, and wakes who waits for a slot.
    func stopAll(_ reason: StopReason) {
        for execution in state.withLock({ Array($0.running.values) }) { execution.stop(reason) }
        update { _ in }
    }

    func setWaitingForStore(_ id: JobID, _ isWaiting: Bool) {
        update { state in
            if isWaiting { state.waitingForStore.insert(id) } else { state.waitingForStore.remove(id) }
        }
    }

    /// Takes a slot for a process of suspects; false when none is free.
    func lend() -> Bool {
        state.withLock { state in
            guard free(state) > 0 else { return false }
            state.lent += 1
            return true
        }
    }

    func takeBack() {
        update { $0.lent -= 1 }
    }

    /// Returns when nothing runs, or after `limit`.
    func waitUntilEmpty(within limit: Duration?) async {
        let deadline = limit.map { ContinuousClock.now + $0 }
        let timer = deadline.map { deadline in
            Task {
                try? await Task.sleep(until: deadline, clock: .continuous)
                self.update { _ in }
            }
        }
        defer { timer?.cancel() }
        while count > 0, deadline.map({ $0 > .now }) ?? true {
            await change { $0.running.count + $0.lent > 0 && (deadline.map { $0 > .now } ?? true) }
        }
    }

    private func update(_ body: (inout State) -> Void) {
        let waiters = state.withLock { state in
            body(&state)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for the next update, if `condition` still holds.
    private func change(while condition: @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                guard condition(state) else { return false }
                state.waiters.append(continuation)
                return true
            }
            if !mustWait { continuation.resume() }
        }
    }
}
