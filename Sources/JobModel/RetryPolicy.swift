/// How often a job is tried, and how long it waits in between: exponential backoff with equal jitter
/// (half of the delay is fixed, half random), so that jobs that failed together do not come back together.
package struct RetryPolicy: Hashable, Sendable {
    package var maxAttempts: Int
    package var baseMilliseconds: Int64
    package var capMilliseconds: Int64

    package init(maxAttempts: Int = 3, baseMilliseconds: Int64 = 2_000, capMilliseconds: Int64 = 300_000) {
        self.maxAttempts = maxAttempts
        self.baseMilliseconds = baseMilliseconds
        self.capMilliseconds = capMilliseconds
    }

    /// Milliseconds to wait after `attempt` (from 1) failed; `random` is in 0..<1.
    package func delayMilliseconds(after attempt: Int, random: Double = .random(in: 0..<1)) -> Int64 {
        let doublings = min(max(attempt - 1, 0), 30)
        let (grown, overflow) = baseMilliseconds.multipliedReportingOverflow(by: 1 << Int64(doublings))
        let ceiling = overflow ? capMilliseconds : min(grown, capMilliseconds)
        return ceiling / 2 + Int64(Double(ceiling - ceiling / 2) * random)
    }
}
