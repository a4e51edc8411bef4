/// What a run saw, in numbers, and everything that was wrong.
struct Report: CustomStringConvertible {
    let name: String
    let jobs: Int
    let refusals: [String: Int]
    /// From the last fault to the end of the last job.
    var calm = Duration.zero
    var wrongs: [String] = []
    private(set) var states: [String: Int] = [:]
    private(set) var outcomes: [String: Int] = [:]
    /// Starts beyond one a job, and effects that were made more than once.
    private(set) var startedAgain = 0
    private(set) var repeatedEffects = 0

    init(name: String, jobs: Int, refusals: [String: Int]) {
        self.name = name
        self.jobs = jobs
        self.refusals = refusals
    }

    var crashed: Int { outcomes["crashed"] ?? 0 }

    mutating func count(_ rows: [Row], _ effects: [Effect]) {
        for row in rows {
            states[row.status, default: 0] += 1
            for outcome in row.outcomes { outcomes[outcome, default: 0] += 1 }
        }
        let starts = effects.filter { $0.phase == "start" }
        startedAgain = starts.count - Set(starts.map(\.job)).count
        let others = effects.filter { $0.phase != "start" }
        repeatedEffects = others.count - Set(others.map { "\($0.job) \($0.phase)" }).count
    }

    var description: String {
        func list(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        let refused = refusals.isEmpty ? "none refused" : "refused and repeated: \(list(refusals))"
        return """
            \(name): \(jobs) jobs accepted (\(refused)); ended \(list(states)); attempts \(list(outcomes)); \
            \(startedAgain) started again, \(repeatedEffects) effects repeated; calm after \(calm.formatted)
            """
    }
}

extension Duration {
    var formatted: String { "\((self / .milliseconds(100)).rounded() / 10) s" }
}
