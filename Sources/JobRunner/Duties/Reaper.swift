internal import JobQueue

/// Watches the other workers' beats by its own monotonic clock, and says which are dead. A value: the decision without the I/O.
/// Neither Redis's clock nor a TTL decides, so a clock that jumps takes no live work. How long a beat has stood still is told to all reapers:
/// a death is noticed after one lease, also when none of them lives as long as that.
struct Reaper {
    private struct Watch {
        var beat: String
        var since: ContinuousClock.Instant
    }

    /// What one look tells.
    struct Findings {
        /// Workers whose beat did not move for a whole lease, and those already marked dead whose recovery is not finished.
        var dead: [Observation] = []
        /// Beats that stand still, and for how long: as far as the others do not know.
        var still: [(worker: Observation, stillness: Duration)] = []
    }

    private let lease: Duration
    private let interval: Duration
    /// A gap between two looks longer than this means that the reaper itself stood still.
    private var patience: Duration { interval * 3 + .seconds(1) }
    private var watches: [String: Watch] = [:]
    private var lastLook: ContinuousClock.Instant?

    init(lease: Duration, interval: Duration) {
        self.lease = lease
        self.interval = interval
    }

    mutating func look(at seen: [Observation], now: ContinuousClock.Instant) -> Findings {
        if let lastLook, lastLook.duration(to: now) > patience { watches = [:] }
        lastLook = now
        var findings = Findings()
        var next: [String: Watch] = [:]
        for worker in seen {
            let watch = watch(worker, now)
            next[worker.worker] = watch
            let stillness = watch.since.duration(to: now)
            if worker.isMarkedDead || stillness >= lease {
                findings.dead.append(worker)
            } else if isNews(stillness, of: worker) {
                findings.still.append((worker, stillness))
            }
        }
        watches = next
        return findings
    }

    /// Since when this beat stands still: by what this reaper saw or, where that is longer, another one. What another one saw counts for half a
    /// lease at most: after Redis was away, who comes back a little later than its reaper has the rest of it to beat.
    private func watch(_ worker: Observation, _ now: ContinuousClock.Instant) -> Watch {
        let told = now - min(worker.stillness, lease / 2)
        guard let before = watches[worker.worker], before.beat == worker.beat else { return Watch(beat: worker.beat, since: told) }
        return Watch(beat: worker.beat, since: min(before.since, told))
    }

    /// Beats that move are never told, and those that stand still once in an interval: by one reaper, however many there are. Of a consumer that
    /// is no worker there is nothing to write it down in.
    private func isNews(_ stillness: Duration, of worker: Observation) -> Bool {
        !worker.beat.isEmpty && stillness >= lease / 4 && stillness - worker.stillness >= interval
    }

    /// An observation failed: what was seen before says nothing any more.
    mutating func startAnew() {
        watches = [:]
        lastLook = nil
    }
}
