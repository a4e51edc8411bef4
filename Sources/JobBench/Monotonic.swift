/// Time for measuring, and percentiles of it. The clock is the machine's: readings of two processes can be compared.
import Glibc

package enum Monotonic {
    /// Nanoseconds since the machine started.
    package static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func seconds(from begin: UInt64, to end: UInt64) -> Double {
        end > begin ? Double(end - begin) / 1e9 : 0
    }
}

/// Durations of many equal things, in microseconds.
struct Spread {
    private var sorted: [Double]

    init(_ durations: [Double]) { sorted = durations.sorted() }

    /// Nearest rank; nil of nothing.
    func percentile(_ percent: Double) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let rank = Int((percent / 100 * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    var median: Double? { percentile(50) }
}
