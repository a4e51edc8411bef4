/// One thing that happened to a job, as watchers see it. Redis puts the number in front (`seq`): numbers of one job have no gaps.
/// Wire form: `{"seq":4,"event":"progress","timestamp":"…","progress":40,…}`, one line of JSON.
package struct JobEvent: Hashable, Sendable {
    package enum Name: String, Sendable, CaseIterable {
        case waiting, queued, scheduled, started, progress, log, retrying, reclaimed, retried, cancelling, completed, failed, cancelled
        /// Text of a model as it is written: neither numbered nor stored, gone when nobody listens.
        case token
        /// Sent to one watcher only: the state as it is now, after events were trimmed away.
        case snapshot, gap
    }

    /// Every JSON reader holds numbers up to here exactly; an event with a greater one is none.
    package static let greatestNumber: Int64 = 1 << 53

    package let name: Name
    package let timestamp: Timestamp
    package let fields: [String: JSONValue]

    package init(_ name: Name, at timestamp: Timestamp = .now, _ fields: [String: JSONValue] = [:]) {
        self.name = name
        self.timestamp = timestamp
        self.fields = fields
    }

    /// The event's JSON without its opening brace: the script that numbers it writes `{"seq":N,` in front.
    package var unnumbered: String {
        var members = fields
        members["event"] = .string(name.rawValue)
        members["timestamp"] = .string(timestamp.description)
        return String(JSONValue.object(members).serialized.dropFirst())
    }

    package func numbered(_ sequence: Int64) -> String {
        "{\"seq\":\(sequence),\(unnumbered)"
    }
}

extension Job {
    /// The event that ended the job, as its last state tells it; nil while it lives.
    package var endEvent: JobEvent? {
        guard let name = JobEvent.Name(rawValue: state.rawValue), state.isTerminal else { return nil }
        var members: [String: JSONValue] = ["status": .string(state.rawValue), "attempt": .integer(Int64(attempt))]
        members["result"] = result
        members["error"] = error.map(JSONValue.string)
        members["error_type"] = errorType.map(JSONValue.string)
        if state == .completed { members["progress"] = 100 }
        return JobEvent(name, at: finishedAt ?? updatedAt, members)
    }
}
