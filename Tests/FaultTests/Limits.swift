import JobModel

/// The limits of every fleet: how many jobs run at once. The checker counts them by what they did in the outside world.
enum Limits {
    static let ofKinds = ["limited": 1]
    /// A queue has the name of its only kind.
    static let ofQueues = ["narrow": 2]
    static let ofKeys = ["wide": 2]
    /// Starts in a second, and how many of them at once.
    static let rate = (count: 10, burst: 5)

    static func set(by door: Door) async throws {
        for (scope, limits) in [("kind", ofKinds), ("queue", ofQueues), ("key", ofKeys)] {
            for (name, jobs) in limits {
                try await door.insist("PUT", "/limits/\(scope)/\(name)", ["concurrency": .integer(Int64(jobs))])
            }
        }
        let rated: JSONValue = ["count": .integer(Int64(rate.count)), "per_seconds": 1, "burst": .integer(Int64(rate.burst))]
        try await door.insist("PUT", "/limits/kind/rated", ["rate": rated])
    }
}
