/// The figures for people: one row a scenario, the same numbers as in the lines of JSON.

package enum Table {
    package static func text(of all: [Figures]) -> String {
        let head = [
            "", "jobs/s", "floor/s", "ratio", "p50 µs", "p99 µs", "floor p50", "CPU µs/job", "process", "Redis", "RSS MB", "anon MB",
            "B queued", "B finished", "exactly once",
        ]
        let rows = [head] + all.map(row)
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { cells in
            zip(cells, widths).enumerated().map { index, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + space : space + cell.0
            }.joined(separator: "  ")
        }
        return (lines + all.flatMap(remarks)).joined(separator: "\n") + "\n"
    }

    private static func row(_ figures: Figures) -> [String] {
        let mebibyte = 1_048_576.0
        return [
            figures.scenario.meaning, shown(figures.jobsPerSecond), shown(figures.floorJobsPerSecond), shown(figures.ratio, 2),
            shown(figures.spread.median), shown(figures.spread.percentile(99)), shown(figures.floorSpread.median), shown(figures.cpu, 1),
            shown(figures.processCPU, 1), shown(figures.redisCPU, 1), shown(figures.peak.map { Double($0.resident) / mebibyte }, 1),
            shown(figures.peak.map { Double($0.anonymous) / mebibyte }, 1), shown(figures.bytesPerQueuedJob),
            shown(figures.bytesPerFinishedJob), figures.isVerified ? "yes" : "NO",
        ]
    }

    private static func remarks(_ figures: Figures) -> [String] {
        var remarks = figures.faults.map { "\(figures.scenario.meaning): WRONG: \($0)" }
        if let idle = figures.idlePercent { remarks.append("\(figures.scenario.meaning): \(shown(idle, 2)) % of a core") }
        if let growth = figures.growth {
            remarks.append("\(figures.scenario.meaning): memory grew by \(shown(Double(growth) / 1_048_576, 1)) MB")
        }
        let bound = figures.boundJobsPerSecond.map { "\(shown($0)) jobs/s" } ?? figures.boundSpread.median.map { "\(shown($0)) µs at p50" }
        if let bound { remarks.append("\(figures.scenario.meaning): the engine's scripts, asked by the floor's client: \(bound)") }
        if let note = figures.note { remarks.append("\(figures.scenario.meaning): \(note)") }
        return remarks + figures.missedTargets.map { "\(figures.scenario.meaning): target missed: \($0)" }
    }

    private static func shown(_ value: Double?, _ digits: Int = 0) -> String {
        guard let value else { return "–" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return digits == 0 ? String(Int(rounded)) : String(rounded)
    }
}
