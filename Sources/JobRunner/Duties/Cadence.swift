/// The duties of a process keep step: those whose intervals are multiples of one another fall together, so that an idle worker wakes up once for
/// all of them and their commands leave in one write. Processes do not keep step with one another.
struct Cadence: Sendable {
    static let ofProcess = Cadence(from: .now - .milliseconds(Int.random(in: 0..<1000)))

    private let first: ContinuousClock.Instant

    init(from first: ContinuousClock.Instant) {
        self.first = first
    }

    /// From now to the next multiple of an interval; to the one after it where that is less than a quarter away, because the duty took long.
    func pause(before interval: Duration, at now: ContinuousClock.Instant) -> Duration {
        precondition(interval > .zero)
        let passed = first.duration(to: now)
        let rest = interval - (passed - interval * (passed / interval).rounded(.down))
        return rest < interval / 4 ? rest + interval : rest
    }
}
