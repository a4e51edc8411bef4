/// What is promised of each figure, on two cores shared with Redis. A missed one is told, not an error: the machine may be a smaller one.

struct Target: Sendable {
    let figure: String
    let isMet: @Sendable (Double) -> Bool
    let words: String

    static func atLeast(_ figure: String, _ bound: Double) -> Target {
        Target(figure: figure, isMet: { $0 >= bound }, words: "at least \(bound)")
    }

    static func atMost(_ figure: String, _ bound: Double) -> Target {
        Target(figure: figure, isMet: { $0 <= bound }, words: "at most \(bound)")
    }
}

extension Scenario {
    var targets: [Target] {
        switch self {
        case .enqueue: [.atLeast("ratio", 0.8)]
        case .batch: [.atLeast("jobs_per_s", 100_000), .atMost("redis_bytes_per_queued_job", 1000)]
        case .drain: [.atLeast("jobs_per_s", 36_000), .atLeast("ratio", 0.45), .atMost("cpu_us_per_job", 40), .atMost("peak_rss_mb", 60)]
        case .backlog: [.atMost("peak_rss_mb", 60), .atMost("growth_mb", 4)]
        case .recorded, .recordedCycle: [.atLeast("ratio", 0.5)]
        case .latency: [.atMost("ratio", 1.5)]
        case .idle: [.atMost("idle_cpu_percent", 1), .atMost("peak_rss_mb", 30), .atMost("peak_anonymous_mb", 8)]
        case .cycle, .http: []
        }
    }
}

extension Figures {
    var missedTargets: [String] {
        let values = Dictionary(uniqueKeysWithValues: byName.map { ($0.name, $0.value) })
        return scenario.targets.compactMap { target in
            guard let found = values[target.figure], let value = found, !target.isMet(value) else { return nil }
            return "\(target.figure) must be \(target.words)"
        }
    }
}
