/// How long jobs of a kind took, as counts on a logarithmic scale: at most 1,024 numbers, each at most an eighth too coarse.
/// What it says of the future is the past's: the typical duration, and what is left of a run that has lasted so long already.
package struct DurationHistory: Sendable, Hashable {
    /// Below this many durations the kind's own estimate is better.
    package static let enough: Int64 = 5
    /// Durations from 2^31 ms (25 days) on share the last bucket.
    package static let buckets = bucket(of: longest) + 1
    private static let longest: Int64 = 1 << 31

    private var counts = [Int64](repeating: 0, count: buckets)
    package private(set) var total: Int64 = 0

    package init() {}

    package init(milliseconds: [Int64]) {
        for duration in milliseconds { note(duration) }
    }

    /// Numbers outside the scale are left out: what a store says may be of another version.
    package init(counts: [(bucket: Int, count: Int64)]) {
        for (bucket, count) in counts where DurationHistory.isSane(bucket, count) { add(count, to: bucket) }
    }

    package mutating func note(_ milliseconds: Int64) {
        add(1, to: DurationHistory.bucket(of: milliseconds))
    }

    package mutating func add(_ other: DurationHistory) {
        for (bucket, count) in other.filled { add(count, to: bucket) }
    }

    /// The buckets that count something, in order.
    package var filled: [(bucket: Int, count: Int64)] {
        counts.indices.filter { counts[$0] > 0 }.map { ($0, counts[$0]) }
    }

    /// The duration that so large a part of all those longer than `elapsed` does not exceed; nil when none was longer.
    package func milliseconds(at quantile: Double, longerThan elapsed: Int64 = 0) -> Int64? {
        let weights = counts.indices.map { Double(counts[$0]) * DurationHistory.part(of: $0, above: elapsed) }
        var rank = weights.reduce(0, +) * min(max(quantile, 0), 1)
        guard let last = weights.lastIndex(where: { $0 > 0 }) else { return nil }
        for (bucket, weight) in weights.enumerated() where weight > 0 {
            let low = max(Double(elapsed), Double(DurationHistory.lowest(bucket)))
            let high = Double(DurationHistory.lowest(bucket + 1))
            if rank <= weight || bucket == last { return Int64(low + (high - low) * min(1, rank / weight)) }
            rank -= weight
        }
        return nil
    }

    /// By the middles of the buckets; 0 without a history.
    package var meanMilliseconds: Int64 {
        let sum = filled.reduce(0.0) { sum, entry in
            sum + Double(entry.count) * Double(DurationHistory.lowest(entry.bucket) + DurationHistory.lowest(entry.bucket + 1)) / 2
        }
        return total > 0 ? Int64(sum / Double(total)) : 0
    }

    /// What is probably left of a run. At 0 % the history says it (`standard` while there is too little of one); the further the run is,
    /// the more its own pace says. Never negative.
    package func remaining(elapsed: Int64, percent: Double, standard: Int64) -> Int64 {
        let elapsed = max(0, elapsed)
        let expected = total < DurationHistory.enough ? standard : milliseconds(at: 0.5, longerThan: elapsed) ?? 0
        let byHistory = Double(max(0, expected - elapsed))
        guard percent > 0 else { return Int64(byHistory) }
        let done = min(percent, 100) / 100
        let byPace = min(Double(elapsed) * (1 - done) / done, Double(DurationHistory.longest))
        return Int64(((1 - done) * byHistory + done * byPace).rounded())
    }
}

extension DurationHistory {
    /// Up to 7 ms every number has its own; from there on each doubling has eight.
    static func bucket(of milliseconds: Int64) -> Int {
        let value = min(max(milliseconds, 0), longest)
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return (exponent - 2) * 8 + Int(value >> Int64(exponent - 3)) & 7
    }

    /// The shortest duration of a bucket.
    static func lowest(_ bucket: Int) -> Int64 {
        bucket < 8 ? Int64(bucket) : Int64(8 + bucket % 8) << Int64(bucket / 8 - 1)
    }

    private static func isSane(_ bucket: Int, _ count: Int64) -> Bool {
        (0..<buckets).contains(bucket) && (1...1_000_000_000).contains(count)
    }

    /// How much of a bucket lies above a duration, 0 to 1.
    private static func part(of bucket: Int, above elapsed: Int64) -> Double {
        let low = lowest(bucket)
        let high = lowest(bucket + 1)
        return Double(high - min(max(elapsed, low), high)) / Double(high - low)
    }

    private mutating func add(_ count: Int64, to bucket: Int) {
        counts[bucket] += count
        total += count
    }
}
