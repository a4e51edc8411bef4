import Synchronization

/// What the clients know: what was accepted, what was refused, and what was shown that must never be shown.
final class Book: Sendable {
    private struct Pages {
        var accepted: [String: Order] = [:]
        var abandoned: Set<String> = []
        var flows: [String: [String]] = [:]
        var refusals: [String: Int] = [:]
        var wrongs: [String] = []
        var mayMissRuns = false
        var losses: [ClosedRange<Int>] = []
        var outages: [ClosedRange<Int>] = []
        var suspicions: [(during: ClosedRange<Int>, what: String, standsInOutages: Bool)] = []
    }

    private let pages = Mutex(Pages())

    var accepted: [String: Order] { pages.withLock { $0.accepted } }
    var count: Int { pages.withLock { $0.accepted.count } }
    var refusals: [String: Int] { pages.withLock { $0.refusals } }
    var flows: [String: [String]] { pages.withLock { $0.flows } }
    /// A fault lasts longer than a fire time may be late.
    var mayMissRuns: Bool { pages.withLock { $0.mayMissRuns } }
    func noteMissedRuns() { pages.withLock { $0.mayMissRuns = true } }

    /// Keys whose requests were given up: nobody knows whether they made a job.
    var abandoned: Set<String> { pages.withLock { $0.abandoned } }
    /// When Redis had forgotten something, in milliseconds of the machine's clock.
    var losses: [ClosedRange<Int>] { pages.withLock { $0.losses } }

    /// What is wrong whenever it is seen, and what is wrong unless Redis had forgotten something then, or (some) was hard to reach.
    var wrongs: [String] {
        pages.withLock { pages in
            let suspicions = pages.suspicions.filter { one in
                let excuses = one.standsInOutages ? pages.losses : pages.losses + pages.outages
                return !excuses.contains { $0.overlaps(one.during) }
            }
            return pages.wrongs + suspicions.map(\.what)
        }
    }

    /// Jobs of one unique key may be answered with one job.
    func accept(_ id: String, _ order: Order) {
        pages.withLock { pages in
            guard let before = pages.accepted.updateValue(order, forKey: id) else { return }
            if before.uniqueKey == nil || before.uniqueKey != order.uniqueKey {
                pages.wrongs.append("two keys were answered with the one job \(id)")
            }
        }
    }

    func accept(flow id: String, jobs: [String]) { pages.withLock { $0.flows[id] = jobs } }

    func abandon(_ key: String) { pages.withLock { _ = $0.abandoned.insert(key) } }

    func count(refusal: String) { pages.withLock { $0.refusals[refusal, default: 0] += 1 } }

    func note(wrong: String) { pages.withLock { $0.wrongs.append(wrong) } }

    func note(loss: ClosedRange<Int>) { pages.withLock { $0.losses.append(loss) } }

    func note(outage: ClosedRange<Int>) { pages.withLock { $0.outages.append(outage) } }

    func note(wrong: String, unlessLostDuring time: ClosedRange<Int>, orOutage: Bool = false) {
        pages.withLock { $0.suspicions.append((time, wrong, !orOutage)) }
    }

    func randomID() -> String? { pages.withLock { $0.accepted.keys.randomElement() } }
}
