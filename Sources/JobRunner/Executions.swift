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
        /// By attempt, not by job: after a loss of Redis a job may be claimed again where an earlier attempt still runs.
        var running: [ObjectIdentifier: Execution] = [:]
        /// Of those, attempts that wait for a store that is away.
        var waitingForStore: Set<ObjectIdentifier> = []
        /// Of those, attempts that a store refuses while it answers others.
        var refused: Set<ObjectIdentifier> = []
        /// Of those, attempts whose handlers have ended and whose settlement is on its way: they hold no slot.
        var settling = 0
        /// Slots kept for entries that were handed to this worker and are not claimed yet.
        var reserved = 0
        /// Handlers that did not stop when they were told to, since this worker began.
        var leftBehind = 0
        /// Somebody looks at the clock, as long as anything runs.
        var isKeepingTime = false
        /// Slots taken by processes for suspects.
        var lent = 0
        /// A suspect waits for a slot: claims leave the next one to it, or they would take every slot for ever on a busy queue.
        var isSlotWanted = false
        /// The worker is dead: nothing starts any more.
        var isClosed = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let slots: Int
    private let starters = Starters()
    private let state = Mutex(State())

    init(slots: Int) {
        self.slots = slots
    }

    var count: Int { state.withLock { $0.running.count + $0.lent } }
    var jobIDs: Set<JobID> { state.withLock { Set($0.running.values.map { $0.claim.job.id }) } }
    var freeSlots: Int { state.withLock { free($0) } }

    private func free(_ state: State) -> Int {
        guard state.waitingForStore.isEmpty else { return 0 }
        let taken = state.running.count - min(state.settling, slots) + state.reserved + state.lent + (state.isSlotWanted ? 1 : 0)
        return Executions.free(of: slots, taken: taken, refused: state.refused.count)
    }

    /// Nothing is claimed while an attempt waits for a store that is away: what is claimed then could not be finished either. An attempt that is
    /// refused alone gives its slot away, up to as many as there are slots: a worker holds at most twice as many jobs as it has slots.
    static func free(of slots: Int, taken: Int, refused: Int) -> Int {
        max(0, slots - taken + min(refused, slots))
    }

    /// How many slots are free, once there is one; 0 after `limit`, or when woken to look again.
    func waitForFreeSlot(within limit: Duration) async -> Int {
        let free = freeSlots
        if free > 0 { return free }
        let deadline = ContinuousClock.now + limit
        let timer = wake(at: deadline)
        defer { timer.cancel() }
        await change { self.free($0) == 0 && deadline > .now }
        return freeSlots
    }

    var leftBehind: Int { state.withLock { $0.leftBehind } }

    func start(_ executions: [Execution]) {
        guard !executions.isEmpty else { return }
        let mustKeepTime = state.withLock { state -> Bool? in
            guard !state.isClosed else { return nil }
            for execution in executions { state.running[ObjectIdentifier(execution)] = execution }
            defer { state.isKeepingTime = true }
            return !state.isKeepingTime
        }
        guard let mustKeepTime else { return }
        if mustKeepTime { Task { await self.keepTime() } }
        starters.start(executions)
    }

    /// Keeps slots for entries that were delivered.
    func reserve(_ count: Int) {
        state.withLock { $0.reserved = count }
    }

    /// The handler has ended, and nobody waits for its settlement: others may have its slot. `end` or `unsettled` follows.
    func settles(_ execution: Execution) {
        update { $0.settling += 1 }
    }

    /// The settlement did not get through: the attempt takes a slot as long as it waits.
    func unsettled(_ execution: Execution) {
        update { $0.settling -= 1 }
    }

    func end(_ execution: Execution, wasSettling: Bool = false) {
        update { state in
            if wasSettling { state.settling -= 1 }
            state.running[ObjectIdentifier(execution)] = nil
            state.waitingForStore.remove(ObjectIdentifier(execution))
            state.refused.remove(ObjectIdentifier(execution))
        }
    }

    /// One clock for all attempts: timeouts and graces are late by at most this. It stands still while nothing runs.
    private static let tick = Duration.milliseconds(100)

    private func keepTime() async {
        while true {
            try? await Task.sleep(for: Self.tick)
            let running = state.withLock { state -> [Execution] in
                if state.running.isEmpty { state.isKeepingTime = false }
                return Array(state.running.values)
            }
            if running.isEmpty { return }
            starters.help()
            let now = ContinuousClock.now
            for execution in running where execution.keepTime(now) {
                state.withLock { $0.leftBehind += 1 }
            }
        }
    }

    func stop(_ id: JobID, _ reason: StopReason) {
        for execution in state.withLock({ $0.running.values.filter { $0.claim.job.id == id } }) { execution.stop(reason) }
    }

    /// Ends every attempt, and wakes who waits for a slot.
    func stopAll(_ reason: StopReason) {
        for execution in state.withLock({ Array($0.running.values) }) { execution.stop(reason) }
        update { _ in }
    }

    /// Ends every attempt of a dead worker, and starts no other: what a claim that is under way brings is another worker's by now.
    func close() {
        state.withLock { $0.isClosed = true }
        stopAll(.dead)
    }

    /// Why an attempt gets no further.
    enum Wait {
        case none, forStore
        /// The stores answer, but not to it.
        case alone
    }

    func set(_ wait: Wait, for execution: Execution) {
        update { state in
            let id = ObjectIdentifier(execution)
            let isRunning = state.running[id] != nil
            if isRunning, wait == .forStore { state.waitingForStore.insert(id) } else { state.waitingForStore.remove(id) }
            if isRunning, wait == .alone { state.refused.insert(id) } else { state.refused.remove(id) }
        }
    }

    /// Takes a slot for a process of suspects, unless as many have one as are wanted; when none is free, the next one is kept for it.
    func lend(atMost wanted: Int = .max) -> Bool {
        let isGiven = state.withLock { state -> Bool? in
            guard state.lent < wanted else { return nil }
            state.isSlotWanted = false
            state.isSlotWanted = free(state) == 0
            if !state.isSlotWanted { state.lent += 1 }
            return !state.isSlotWanted
        }
        if isGiven == nil { keepNoSlot() }
        return isGiven ?? false
    }

    /// No suspect waits any more, or each has its slot.
    func keepNoSlot() {
        if state.withLock({ $0.isSlotWanted }) { update { $0.isSlotWanted = false } }
    }

    func takeBack() {
        update { $0.lent -= 1 }
    }

    /// Returns when nothing runs, or after `limit`.
    func waitUntilEmpty(within limit: Duration?) async {
        let deadline = limit.map { ContinuousClock.now + $0 }
        let timer = deadline.map(wake)
        defer { timer?.cancel() }
        while count > 0, deadline.map({ $0 > .now }) ?? true {
            await change { $0.running.count + $0.lent > 0 && (deadline.map { $0 > .now } ?? true) }
        }
    }

    private func wake(at deadline: ContinuousClock.Instant) -> Task<Void, Never> {
        Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            if !Task.isCancelled { self.update { _ in } }
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
