internal import JobModel
internal import JobQueue
internal import Synchronization

/// Requests of keys that have a rate. Redis counts for all API processes together; while it is away each process counts for itself, so that an
/// outage neither locks callers out nor lets them do what they like.
final class Allowances: Sendable {
    private struct State {
        /// Until then Redis is not asked: it was away a moment ago.
        var awayUntil: ContinuousClock.Instant?
        /// When the bucket of a key is full again; as many as there are keys.
        var full: [String: ContinuousClock.Instant] = [:]
    }

    private static let pause = Duration.seconds(1)
    private let queue: JobQueue
    private let state = Mutex(State())

    init(_ queue: JobQueue) {
        self.queue = queue
    }

    /// Takes one request; nil for a key without a rate.
    func take(_ key: APIKey) async -> Allowance? {
        guard let rate = key.rate else { return nil }
        let now = ContinuousClock.now
        if state.withLock({ $0.awayUntil.map { $0 <= now } ?? true }) {
            if let allowance = try? await queue.spend(key.id, rate) { return allowance }
            state.withLock { $0.awayUntil = .now + Allowances.pause }
        }
        return takeHere(key.id, rate, at: .now)
    }

    /// As `spend.lua` does it.
    func takeHere(_ id: String, _ rate: Limit.Rate, at now: ContinuousClock.Instant) -> Allowance {
        state.withLock { state in
            let each = Duration.milliseconds(rate.perMilliseconds) / rate.count
            let size = each * rate.burst
            var full = min(max(state.full[id] ?? now, now), now + size)
            let isGranted = full + each <= now + size
            if isGranted { full += each }
            state.full[id] = full
            let left = max(0, Int((now + size - full) / each))
            return Allowance(
                isGranted: isGranted, left: left, fullInMilliseconds: (full - now).milliseconds,
                nextInMilliseconds: left > 0 ? 0 : (full + each - now - size).milliseconds)
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
