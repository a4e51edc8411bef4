/// How often an absent server is tried: one attempt at a time, with growing, jittered pauses; in between every call fails at once.
struct Backoff {
    private var failures = 0
    private var retryAt: ContinuousClock.Instant?
    private var lastError: PostgresError?

    /// Nil: try to connect now. Otherwise the error to answer with.
    mutating func enter(connectTimeout: Duration, now: ContinuousClock.Instant = .now) -> PostgresError? {
        guard let retryAt, let lastError else { return nil }
        guard now >= retryAt else { return lastError }
        // Whoever comes while this attempt is under way still fails fast.
        self.retryAt = now + connectTimeout
        return nil
    }

    mutating func succeeded() { self = Backoff() }

    mutating func failed(_ error: PostgresError, now: ContinuousClock.Instant = .now, random: Double = .random(in: 0.5..<1)) {
        failures = min(failures + 1, 16)
        lastError = error
        retryAt = now + Self.pause(afterFailures: failures) * random
    }

    static func pause(afterFailures failures: Int) -> Duration {
        min(PostgresOptions.backoffCap, PostgresOptions.backoffBase * (1 << min(16, max(0, failures - 1))))
    }
}
