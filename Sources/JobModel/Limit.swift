/// What may run at once or start in a time, in the whole fleet: of a queue, of a kind, or of a concurrency key.
/// A job over a limit is parked: it neither blocks those behind it nor is it forgotten.
package struct Limit: Sendable, Hashable {
    package enum Scope: String, Sendable, CaseIterable {
        case queue, kind, key
    }

    /// A token bucket: `count` starts in `perMilliseconds` on average, at most `burst` at once.
    package struct Rate: Sendable, Hashable {
        package let count: Int
        package let perMilliseconds: Int64
        package let burst: Int

        package init(count: Int, perMilliseconds: Int64, burst: Int) {
            self.count = count
            self.perMilliseconds = perMilliseconds
            self.burst = burst
        }
    }

    /// Stands for every concurrency key without a limit of its own.
    package static let everyKey = "*"
    /// What holds for a concurrency key when nobody says anything: one job at a time.
    package static let standardKeyConcurrency = 1

    package let scope: Scope
    package let name: String
    /// Nil: as many as there are slots.
    package let concurrency: Int?
    package let rate: Rate?
    /// Of a key: its share of the turns among keys of one queue.
    package let weight: Int

    package init(scope: Scope, name: String, concurrency: Int? = nil, rate: Rate? = nil, weight: Int = 1) {
        self.scope = scope
        self.name = name
        self.concurrency = concurrency
        self.rate = rate
        self.weight = weight
    }
}
