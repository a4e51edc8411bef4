/// Whether every job ran exactly once and left nothing behind. A value, so that a wrong run can be shown to it in a test.

struct Evidence: Sendable {
    /// How often each job's handler was called.
    var runs: [Int]
    /// What the queue says.
    var completed: Int
    var entriesLeft: Int
    var pending: Int
    var live: Int
    /// Rows that say `completed` after one attempt; nil for jobs without a record.
    var rows: Int?
}

struct Verdict: Sendable, Equatable {
    let faults: [String]
    var isGood: Bool { faults.isEmpty }

    init(_ evidence: Evidence) {
        let expected = evidence.runs.count
        let never = evidence.runs.count { $0 == 0 }
        let repeated = evidence.runs.count { $0 > 1 }
        var faults: [String] = []
        if never > 0 { faults.append("\(never) of \(expected) jobs never ran") }
        if repeated > 0 { faults.append("\(repeated) of \(expected) jobs ran more than once") }
        if evidence.completed != expected { faults.append("\(evidence.completed) jobs were counted as completed, not \(expected)") }
        if evidence.entriesLeft > 0 { faults.append("\(evidence.entriesLeft) entries were left in the streams") }
        if evidence.pending > 0 { faults.append("\(evidence.pending) entries were left pending") }
        if evidence.live > 0 { faults.append("\(evidence.live) jobs are still listed as live") }
        if let rows = evidence.rows, rows != expected { faults.append("\(rows) rows say completed after one attempt, not \(expected)") }
        self.faults = faults
    }
}
