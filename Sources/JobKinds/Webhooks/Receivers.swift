/// How receivers of webhooks are reached and how long they are tried: the assembly makes it.
import JobModel
package import WebFetch

package struct Receivers: Sendable {
    /// Deliveries have a queue, and slots, of their own: receivers that hang keep no other work back.
    package static let queue = "webhooks"
    /// Between the attempts, in milliseconds: nine of them over a little more than a day.
    package static let pauses: [Int64] = [5, 60, 300, 1_800, 7_200, 18_000, 28_800, 30_600].map { $0 * 1000 }
    private static let longestPause: Int64 = 86_400_000

    package let fetcher: Fetcher
    package let rules: ReceiverRules
    package var timeout = Duration.seconds(15)
    package var pauses = Receivers.pauses

    package init(rules: ReceiverRules, userAgent: String) {
        self.rules = rules
        fetcher = Fetcher(guard: rules.addressGuard, userAgent: userAgent)
    }

    /// Up to a tenth of jitter on top, so that what failed together does not come back together. A receiver that asks for a longer pause gets
    /// it, up to a day; one that asks for a shorter one waits for its turn.
    func verdict(on failure: ReceiverAnswer.Failure, attempt: Int, random: Double = .random(in: 0..<0.1)) -> JobFailure {
        if failure.isPermanent { return .permanent(failure.message, type: failure.type) }
        let pause = pauses.isEmpty ? 0 : pauses[min(max(attempt, 1), pauses.count) - 1]
        let wait = max(pause, min(failure.afterMilliseconds ?? 0, Receivers.longestPause))
        return .retry(failure.message, type: failure.type, afterMilliseconds: wait + Int64(Double(wait) * random))
    }
}
