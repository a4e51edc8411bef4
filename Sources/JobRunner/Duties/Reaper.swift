internal import JobQueue

/// Watches the other workers' beats by its own monotonic clock, and says which are dead. A value: the decision without the I/O.
/// Neither Redis's clock nor a TTL decides, so a clock that jumps takes no live work.
struct Reaper {
    private struct Watch {
        var beat: String
        var since: ContinuousClock.Instant
    }

    private let lease: Duration
    /// A gap between two looks longer than this means that the reaper itself stood still.
    private let patience: Duration
    private var watches: [String: Watch] = [:]
    private var lastLook: ContinuousClock.Instant?

    init(lease: Duration, interval: Duration) {
        self.lease = lease
        patience = interval * 3 + .seconds(1)
    }

    /// Workers whose beat did not move for a whole lease, and those already marked dead whose recovery is not finished.
    mutating func look(at seen: [Observation], now: ContinuousClock.Instant) -> [Observation] {
        if let lastLook, lastLook.duration(to: now) > patience { watches = [:] }
        lastLook = now
        var dead: [Observation] = []
        var next: [String: Watch] = [:]
        for worker in seen {
            var watch = watches[worker.worker] ?? Watch(beat: worker.beat, since: now)
            if watch.beat != worker.beat { watch = Watch(beat: worker.beat, since: now) }
            next[worker.worker] = watch
            if worker.isMarkedDead || watch.since.duration(to: now) >= lease { dead.append(worker) }
        }
        watches = next
        return dead
    }

    /// An observation failed: what was seen before says nothing any more.
    mutating func startAnew() {
        watches = [:]
        lastLook = nil
    }
}
