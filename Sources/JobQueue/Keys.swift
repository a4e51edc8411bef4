package import JobModel

/// Every Redis key and channel, spelled here and nowhere else. `prefix` stands in front of each;
/// a hash tag such as `{p3}:` keeps all of them in one Redis Cluster slot.
package struct Keys: Sendable {
    package let prefix: String

    package init(prefix: String = "") {
        self.prefix = prefix
    }

    package var scheduled: String { prefix + "scheduled" }
    package var active: String { prefix + "active" }
    package var dead: String { prefix + "dead" }
    package var workers: String { prefix + "workers" }
    package var httpWorkers: String { prefix + "workers:http" }
    package var control: String { prefix + "control" }
    package var paused: String { prefix + "paused" }
    package var limits: String { prefix + "limits" }
    package var permitted: String { prefix + "permitted" }
    package var parked: String { prefix + "parked" }
    package var woken: String { prefix + "woken" }
    package var intake: String { prefix + "intake" }
    package var generation: String { prefix + "generation" }

    package func job(_ id: JobID) -> String { "\(prefix)job:\(id)" }
    package func log(_ id: JobID) -> String { job(id) + ":log" }
    package func steps(_ id: JobID) -> String { job(id) + ":steps" }
    package func events(_ id: JobID) -> String { job(id) + ":events" }
    package func worker(_ name: String) -> String { "\(prefix)worker:\(name)" }
    package func duties(_ worker: String) -> String { self.worker(worker) + ":duties" }
    package func models(_ worker: String) -> String { self.worker(worker) + ":models" }
    package func stats(_ queue: String) -> String { "\(prefix)stats:\(queue)" }
    package func durations(_ kind: String) -> String { "\(prefix)durations:\(kind)" }
    package func idempotency(_ key: IdempotencyKey) -> String { "\(prefix)\(Keys.tail(ofIdempotency: key))" }
    static func tail(ofIdempotency key: IdempotencyKey) -> String { "idempotency:\(key.scope):\(key.key)" }
    package func unique(_ kind: String, _ key: String) -> String { "\(prefix)unique:\(kind):\(key)" }
    /// What an API key has spent: requests, jobs of the day, and its live jobs.
    package func allowance(_ key: String) -> String { "\(prefix)allowance:\(key)" }
    package func charged(_ key: String) -> String { "\(prefix)charged:\(key)" }
    package func liveJobs(_ key: String) -> String { "\(prefix)live:\(key)" }
    /// Permits in use of a limit named `queue:<q>`, `kind:<k>` or `key:<k>`, and the places of those that wait for it.
    package func permits(_ limit: String) -> String { "\(prefix)limit:\(limit)" }
    package func behind(_ limit: String) -> String { "\(prefix)behind:\(limit)" }
    /// Of model servers: how many permits each has, who holds one, who waits, and the channel that tells a worker what it got.
    package var modelPermits: String { prefix + "permits" }
    package func modelPermit(_ pool: String) -> String { "\(prefix)permit:\(pool)" }
    package func permitLine(_ pool: String) -> String { modelPermit(pool) + ":line" }
    /// Somebody who asks without a job, as long as its permits are good; `model_permits.lua` writes it.
    package func asking(_ id: JobID) -> String { "\(prefix)asking:\(id)" }
    package func permitWord(_ worker: String) -> String { self.worker(worker) + ":permits" }
    /// Jobs at a place `<queue>:<kind>`.
    package func parked(_ place: String) -> String { "\(prefix)parked:\(place)" }

    /// The medium stream has the bare name, so that `ingest_jobs` is the stream other programs know.
    package func stream(_ queue: String, _ level: StreamLevel) -> String {
        level == .medium ? "\(prefix)\(queue)_jobs" : "\(prefix)\(queue)_jobs:\(level.rawValue)"
    }

    /// The streams a worker claims from, highest first: all queues of one level before the next level.
    package func streams(_ queues: [String], _ levels: [StreamLevel] = StreamLevel.ordinary) -> [String] {
        levels.flatMap { level in queues.map { stream($0, level) } }
    }

    /// The stream entry that a job's field `entry` names; nil for any other place. A plain job that waits has a `+` in front: see `shared.lua`.
    package static func entry(at place: String) -> (level: StreamLevel, entry: String)? {
        let parts = place.drop { $0 == "+" }.split(separator: ":", maxSplits: 1)
        let level = parts.count == 2 ? StreamLevel(rawValue: String(parts[0])) : .medium
        guard let level, let entry = parts.last, entry.contains("-"), entry.first?.isNumber == true else { return nil }
        return (level, String(entry))
    }

    /// Jobs of one concurrency key that wait behind a stream; the keys that take turns there.
    package func lane(_ stream: String, _ key: String) -> String { "\(stream):lane:\(key)" }
    package func turns(_ stream: String) -> String { "\(stream):turns" }
}

/// The streams of one queue. `suspect` holds jobs whose worker died; only one-slot processes read it.
package enum StreamLevel: String, Sendable, CaseIterable {
    case suspect, urgent, high, medium, low

    package static let ordinary: [StreamLevel] = [.urgent, .high, .medium, .low]

    package init(_ priority: JobPriority) {
        switch priority {
        case .urgent: self = .urgent
        case .high: self = .high
        case .medium: self = .medium
        case .low: self = .low
        }
    }
}
