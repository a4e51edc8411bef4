internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

package struct AttemptHistory: Sendable {
    package let attempts: [JobAttempt]
    /// False: older attempts are not known any more.
    package let isComplete: Bool
}

package struct JobLog: Sendable {
    package let events: [JSONValue]
    /// False: older events were trimmed away, or went with Redis.
    package let isComplete: Bool
}

extension JobDesk {
    /// Attempts that one answer tells of.
    private static let maxAttempts = 1_000

    /// Every attempt at a job, oldest first: from the rows, of unrecorded jobs from what their log still has.
    package func attempts(of id: JobID) async throws(DeskError) -> AttemptHistory {
        let job = try await show(id)
        return try await attempts(of: [job], last: JobDesk.maxAttempts)[id] ?? AttemptHistory(attempts: [], isComplete: job.attempt == 0)
    }

    /// The last attempts at each of the jobs; of jobs without any there is nothing.
    package func attempts(of jobs: [Job], last count: Int) async throws(DeskError) -> [JobID: AttemptHistory] {
        let recorded = jobs.filter(\.isRecorded).map(\.id)
        let rows = try await asking(postgres: { () throws(PostgresError) in try await ledger.attempts(of: recorded, last: count) })
        var histories = rows.mapValues { AttemptHistory(attempts: $0, isComplete: $0.first.map { $0.number == 1 } ?? false) }
        for job in jobs where !job.isRecorded {
            let log = try await log(of: job.id)
            let attempts = JobAttempt.list(from: log).suffix(count)
            guard !attempts.isEmpty else { continue }
            histories[job.id] = AttemptHistory(attempts: Array(attempts), isComplete: attempts.first?.number == 1)
        }
        return histories
    }

    /// The numbered events that are kept of a job that exists. After Redis forgot the job there is one, its end.
    package func history(of id: JobID) async throws(DeskError) -> JobLog {
        let job = try await show(id)
        let events = try await log(of: id)
        if events.isEmpty, let end = job.endEvent {
            let json = try? JSONReader.read(end.numbered(max(job.sequence, 1)), depth: 256)
            return JobLog(events: [json].compactMap(\.self), isComplete: false)
        }
        return JobLog(events: events, isComplete: events.first?["seq"]?.integer == 1)
    }
}

extension JobAttempt {
    /// What the events of a job say of its attempts.
    static func list(from log: [JSONValue]) -> [JobAttempt] {
        var attempts: [Int: JobAttempt] = [:]
        for event in log {
            guard let number = event["attempt"]?.integer, let name = event["event"]?.string else { continue }
            var attempt = attempts[number] ?? JobAttempt(number: number)
            attempt.read(name, event)
            attempts[number] = attempt
        }
        return attempts.values.sorted { $0.number < $1.number }
    }

    private mutating func read(_ name: String, _ event: JSONValue) {
        let time = event["timestamp"]?.string.flatMap { Timestamp(rfc3339: $0) }
        if name == "started" {
            startedAt = time
            worker = event["worker"]?.string
        }
        guard let outcome = JobAttempt.outcomes[name] else { return }
        self.outcome = outcome
        endedAt = time
        error = event["error"]?.string
        errorType = event["error_type"]?.string
    }

    /// Names of events that end an attempt, and the word that rows have for it.
    private static let outcomes = [
        "completed": "completed", "failed": "failed", "cancelled": "cancelled", "retrying": "retry", "reclaimed": "crashed",
        "queued": "handed_back",
    ]
}
