/// Watches one transfer for silence and for dripping. A value: `Transfer` tells it what came and asks whether time is up.
/// Silence counts from the last byte of any kind; the rate from the first byte of the body, window by window.
struct ProgressClock {
    private let timeout: Duration?
    private let minimumBytes: Int
    private var lastProgress: ContinuousClock.Instant
    private var windowStart: ContinuousClock.Instant?
    private var windowBytes = 0

    init(_ limits: FetchLimits, now: ContinuousClock.Instant) {
        timeout = limits.idleTimeout
        let seconds = limits.idleTimeout.map { Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18 } ?? 0
        minimumBytes = Int(min(seconds * Double(limits.minimumRate), 1e9))
        lastProgress = now
    }

    var dueTime: ContinuousClock.Instant? {
        guard let timeout else { return nil }
        return min(lastProgress, windowStart ?? lastProgress) + timeout
    }

    mutating func progressed(bodyBytes: Int, now: ContinuousClock.Instant) {
        lastProgress = now
        guard bodyBytes > 0 else { return }
        if windowStart == nil { windowStart = now }
        windowBytes += bodyBytes
    }

    /// A window that brought enough is closed and the next one opened.
    mutating func isExpired(at now: ContinuousClock.Instant) -> Bool {
        guard let timeout else { return false }
        if lastProgress + timeout <= now { return true }
        guard let start = windowStart, start + timeout <= now else { return false }
        if windowBytes < minimumBytes { return true }
        (windowStart, windowBytes) = (now, 0)
        return false
    }

    /// Begins anew: before the request goes out, and after a pause that the reader caused.
    mutating func restart(now: ContinuousClock.Instant) {
        lastProgress = now
        if windowStart != nil { (windowStart, windowBytes) = (now, 0) }
    }
}
