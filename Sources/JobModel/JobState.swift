/// Where a job stands. Terminal states never change but by an explicit `retry`.
///
///     waiting ──┐
///     scheduled ┼─▶ queued ─▶ processing ─▶ completed | failed | cancelled
///               └──────◀── scheduled (retry) ◀──┘
package enum JobState: String, Sendable, CaseIterable {
    case waiting, scheduled, queued, processing, completed, failed, cancelled

    package var isTerminal: Bool {
        self == .completed || self == .failed || self == .cancelled
    }
}

/// Order in which waiting jobs of one queue are claimed, highest first.
package enum JobPriority: String, Sendable, CaseIterable {
    case urgent, high, medium, low
}
