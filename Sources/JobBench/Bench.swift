/// Runs the plan: every scenario so many times, and tells the run in the middle.
internal import JobModel

package struct Bench: Sendable {
    private let stage: BenchStage
    private let tell: @Sendable (Figures) -> Void

    package init(_ stage: BenchStage, tell: @escaping @Sendable (Figures) -> Void) {
        self.stage = stage
        self.tell = tell
    }

    /// Every scenario's figures, in order; each is told as soon as it is known. A run with a fault stands for its scenario, whatever its rank.
    package func run() async throws -> [Figures] {
        var all: [Figures] = []
        for scenario in stage.plan.scenarios where scenario != .backlog || stage.plan.backlog > 0 {
            var runs: [Figures] = []
            for _ in 0..<max(stage.plan.runs, 1) { runs.append(try await stage.measure(scenario)) }
            guard let chosen = Bench.choose(runs) else { continue }
            tell(chosen)
            all.append(chosen)
        }
        try await stage.clear()
        return all
    }

    static func choose(_ runs: [Figures]) -> Figures? {
        if let wrong = runs.first(where: { !$0.isVerified }) { return wrong }
        // Rates up, times and idle percentages too: only the middle is wanted.
        let sorted = runs.sorted { $0.rank < $1.rank }
        return sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 2]
    }
}

extension Figures {
    fileprivate var rank: Double { jobsPerSecond ?? spread.median ?? idlePercent ?? 0 }
}
