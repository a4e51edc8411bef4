internal import Synchronization

/// Wrong keys by the address they came from. Who sends many is told to wait; right keys from there are let in all the same, because many
/// callers may share an address. Bounded: when too many addresses are known, all are forgotten.
final class Strikes: Sendable {
    enum Verdict: Sendable, Hashable {
        case first
        case more
        case tooMany(retryAfter: Int)
    }

    private struct Count {
        var wrong = 0
        var until: ContinuousClock.Instant
    }

    static let most = 20
    static let window = Duration.seconds(60)
    static let mostAddresses = 4_096
    private let counts = Mutex<[String: Count]>([:])

    /// Whether the address has sent too many already.
    func isOut(_ address: String, at now: ContinuousClock.Instant = .now) -> Bool {
        counts.withLock { counts in counts[address].map { $0.until > now && $0.wrong >= Strikes.most } ?? false }
    }

    func add(_ address: String, at now: ContinuousClock.Instant = .now) -> Verdict {
        counts.withLock { counts in
            if counts[address] == nil, counts.count >= Strikes.mostAddresses { counts = counts.filter { $0.value.until > now } }
            if counts.count >= Strikes.mostAddresses { counts = [:] }
            var count = counts[address].flatMap { $0.until > now ? $0 : nil } ?? Count(until: now + Strikes.window)
            count.wrong += 1
            counts[address] = count
            if count.wrong > Strikes.most { return .tooMany(retryAfter: Int(max(1, (count.until - now).components.seconds))) }
            return count.wrong == 1 ? .first : .more
        }
    }
}
