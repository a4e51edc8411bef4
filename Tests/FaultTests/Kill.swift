/// A worker that was killed at its work, and how long its orphans waited for their next attempt.
/// Told from the effects alone: what the stores say of a death is part of what is tried.
struct Kill {
    let processID: Int32
    /// Just before the signal, by the clock of the effects.
    let milliseconds: Int

    /// From the kill to the next start of each job that the worker had started and never ended, in milliseconds, the last one last. An attempt
    /// that was done and could not say so counts too.
    func waits(among effects: [String: [Effect]], startedBy jobs: [Int32: Set<String>]) -> [Int] {
        (jobs[processID] ?? []).compactMap { job in
            let starts = (effects[job] ?? []).filter { $0.phase == "start" }
            guard let mine = starts.filter({ $0.processID == processID }).map(\.attempt).max() else { return nil }
            return starts.filter { $0.attempt > mine }.map { $0.milliseconds - milliseconds }.min()
        }.sorted()
    }
}

/// The waits of every kill's orphans, and of the last orphan of each kill that left one.
struct OrphanWaits: CustomStringConvertible {
    let all: [Int]
    let last: [Int]

    init(after kills: [Kill], _ effects: [Effect]) {
        let byJob = Dictionary(grouping: effects, by: \.job)
        let starts = Dictionary(grouping: effects.filter { $0.phase == "start" }, by: \.processID).mapValues { Set($0.map(\.job)) }
        let waits = kills.map { $0.waits(among: byJob, startedBy: starts) }
        all = waits.flatMap(\.self).sorted()
        last = waits.compactMap(\.last).sorted()
    }

    var slowest: Int { last.last ?? 0 }

    var description: String {
        """
        \(all.count) orphans of \(last.count) kills started again after \(median(all)) ms in the middle; \
        the last of each kill after \(median(last)) ms, at most \(slowest) ms
        """
    }

    private func median(_ sorted: [Int]) -> Int { sorted.isEmpty ? 0 : sorted[sorted.count / 2] }
}
