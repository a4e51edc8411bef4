internal import JobModel
internal import Synchronization

/// How each duty of this worker went lately: what /health shows.
final class DutyBook: Sendable {
    struct Record: Sendable, Hashable {
        let name: String
        let interval: Duration
        let isForLeader: Bool
        var runs: Int64 = 0
        var failures: Int64 = 0
        var lastRun: Timestamp?
        var lastSuccess: Timestamp?
        var lastDuration = Duration.zero
        /// Of the last run; nil when it went well.
        var error: String?
    }

    private let records = Mutex<[Record]>([])

    func open(_ duties: [Duty]) {
        records.withLock { records in
            records = duties.map { Record(name: $0.name, interval: $0.interval, isForLeader: $0.isForLeader) }
        }
    }

    var all: [Record] { records.withLock { $0 } }

    /// A run begins: a duty that goes on for long is seen while it does.
    func begin(_ name: String, at moment: Timestamp) {
        records.withLock { records in
            guard let place = records.firstIndex(where: { $0.name == name }) else { return }
            records[place].lastRun = moment
        }
    }

    /// Notes one run; true for the first failure after a success, or ever.
    @discardableResult
    func note(_ name: String, began: Timestamp, took: Duration, error: (any Error)?) -> Bool {
        records.withLock { records in
            guard let place = records.firstIndex(where: { $0.name == name }) else { return false }
            let isNews = error != nil && records[place].error == nil
            records[place].runs += 1
            records[place].lastRun = began
            records[place].lastDuration = took
            records[place].error = error.map { String("\($0)".prefix(300)) }
            if error == nil { records[place].lastSuccess = began } else { records[place].failures += 1 }
            return isNews
        }
    }
}

extension DutyBook.Record {
    var document: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "interval_ms": .integer(interval.wholeMilliseconds), "leader_only": .boolean(isForLeader),
            "runs": .integer(runs), "failures": .integer(failures), "milliseconds": .integer(lastDuration.wholeMilliseconds),
        ]
        members["last_run"] = lastRun.map { .string($0.description) }
        members["last_success"] = lastSuccess.map { .string($0.description) }
        members["error"] = error.map(JSONValue.string)
        return .object(members)
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        components.seconds.multipliedReportingOverflow(by: 1000).partialValue + components.attoseconds / 1_000_000_000_000_000
    }
}
