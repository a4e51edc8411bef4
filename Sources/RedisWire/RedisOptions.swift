/// Limits and times of one connection; the defaults fit a worker and an API process.
package struct RedisOptions: Sendable {
    package var connectTimeout: Duration
    /// From the call to the reply, the wait for a connection included.
    package var commandTimeout: Duration
    package var clientName: String
    /// A reply that announces or brings more is refused, and the socket closed, before its memory is spent.
    package var maxReplyBytes: Int
    /// hiredis 0.14 reads at most eight levels.
    package var maxReplyDepth: Int
    /// Commands that wait for a connection or for the socket.
    package var maxQueuedBytes: Int
    /// The wait before attempt n is random between 0 and `min(cap, base * 2^n)`.
    package var backoffBase: Duration
    package var backoffCap: Duration
    /// How often a subscriber's silent connection is asked whether it lives.
    package var pingInterval: Duration

    package init(
        connectTimeout: Duration = .seconds(3), commandTimeout: Duration = .seconds(5), clientName: String = "tidewheel",
        maxReplyBytes: Int = 64 << 20, maxReplyDepth: Int = 8, maxQueuedBytes: Int = 64 << 20,
        backoffBase: Duration = .milliseconds(50), backoffCap: Duration = .seconds(2), pingInterval: Duration = .seconds(10)
    ) {
        self.connectTimeout = connectTimeout
        self.commandTimeout = commandTimeout
        self.clientName = clientName
        self.maxReplyBytes = maxReplyBytes
        self.maxReplyDepth = maxReplyDepth
        self.maxQueuedBytes = maxQueuedBytes
        self.backoffBase = backoffBase
        self.backoffCap = backoffCap
        self.pingInterval = pingInterval
    }

    /// Exponential with full jitter, so that a fleet does not come back in step.
    func backoff(afterFailures failures: Int) -> Duration {
        let doubled = backoffBase * (1 << min(max(failures, 1), 16))
        return min(backoffCap, doubled) * Double.random(in: 0...1)
    }
}
