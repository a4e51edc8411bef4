/// What can be measured, in the order in which it is, and with what sizes.

package enum Scenario: String, CaseIterable, Sendable {
    /// One by one from one task: what a caller waits for.
    case enqueue
    /// As fast as one process can.
    case batch
    /// A worker that finds everything waiting.
    case drain
    /// The same with a row for every job.
    case recorded
    /// Submitted while a worker runs them.
    case cycle
    case recordedCycle = "recorded_cycle"
    /// From just before the submission to the start of the handler, in a worker that was idle.
    case latency
    /// From request to 202.
    case http
    /// A worker that has nothing to do.
    case idle
    /// A drain in front of as many jobs as `BenchPlan.backlog` says; only then.
    case backlog

    package var meaning: String {
        switch self {
        case .enqueue: "submit one by one"
        case .batch: "submit many at once"
        case .drain: "run a backlog"
        case .recorded: "run a backlog with records"
        case .cycle: "submit and run"
        case .recordedCycle: "submit and run with records"
        case .latency: "wake an idle worker"
        case .http: "POST /jobs to 202"
        case .idle: "do nothing"
        case .backlog: "run in front of a large backlog"
        }
    }
}

package struct BenchPlan: Sendable {
    package var scenarios: [Scenario]
    package var jobs = 20_000
    package var runs = 3
    package var slots = 200
    package var backlog = 0
    package var inputBytes = 200
    /// HTTP connections at once.
    package var connections = 32
    /// How long a worker is watched doing nothing.
    package var idleSeconds = 5

    package init(_ scenarios: [Scenario]) { self.scenarios = scenarios }

    /// What runs before anything is counted: caches and pages are warm then.
    var runIn: Int { max(jobs / 10, 1) }
    /// Round trips are slow and alike: fewer of them say as much.
    var roundTrips: Int { min(jobs, 2000) }
}
