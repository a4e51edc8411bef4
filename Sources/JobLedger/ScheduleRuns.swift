package import JobModel
package import PostgresWire

/// What a due schedule shall do: make a job or not, and go on to its next fire time.
package struct ScheduleRun: Sendable, Hashable {
    package let schedule: JobID
    /// Of the schedule as it was read.
    package let version: Int64
    package let fireTime: Timestamp
    /// Nil: no time comes any more.
    package let next: Timestamp?
    package let job: Job?
    /// Why there is no job.
    package let reason: String?

    package init(_ schedule: Schedule, at fireTime: Timestamp, next: Timestamp?, job: Job?, reason: String? = nil) {
        self.init(schedule: schedule.id, version: schedule.version, fireTime: fireTime, next: next, job: job, reason: reason)
    }

    package init(schedule: JobID, version: Int64, fireTime: Timestamp, next: Timestamp?, job: Job?, reason: String?) {
        self.schedule = schedule
        self.version = version
        self.fireTime = fireTime
        self.next = next
        self.job = job
        self.reason = reason
    }
}

package enum ScheduleRunning: Sendable, Hashable {
    /// So many schedules went on, and these jobs were made.
    case done(moved: Int, jobs: Set<JobID>)
    /// Another worker leads.
    case refused
}

extension JobLedger {
    package func schedulesDue(at now: Timestamp, limit: Int) async throws(PostgresError) -> [Schedule] {
        let rows = try await pool.query(Statements.schedulesDue, [.integer(now.milliseconds), .integer(Int64(limit))])
        return try rows.map { (row) throws(PostgresError) in try row.schedule() }
    }

    /// Job and next fire time come in one transaction, by the worker that leads, from a schedule that still stands as it was read: a fire
    /// time makes one job, whoever crashes when. The idempotency key keeps it so when clocks or backups go back in time.
    package func run(_ runs: [ScheduleRun], leader: LeaderToken) async throws(PostgresError) -> ScheduleRunning {
        try await pool.transaction { (connection) throws(PostgresError) in
            guard try connection.query(Statements.leads, [leader.parameter]).first?.bool("leads") == true else { return .refused }
            let held = try connection.lock(runs)
            let ready = runs.filter { held[$0.schedule] == false }.compactMap(\.acceptRequest)
            let made = try connection.accept(ready)
            try connection.move(runs.filter { held[$0.schedule] != nil }, held: held, made: made)
            return .done(moved: held.count, jobs: made)
        }
    }
}

extension PostgresConnection {
    /// Those that stand as they were read, and whether their job before holds them up.
    fileprivate func lock(_ runs: [ScheduleRun]) throws(PostgresError) -> [JobID: Bool] {
        let rows = try query(
            Statements.lockSchedules,
            [
                .textArray(runs.map(\.schedule.description)), .integerArray(runs.map(\.version)),
                .integerArray(runs.map(\.fireTime.milliseconds)),
            ])
        var held: [JobID: Bool] = [:]
        for row in rows { held[try row.jobID("id")] = try row.bool("is_held") }
        return held
    }

    fileprivate func accept(_ requests: [AcceptRequest]) throws(PostgresError) -> Set<JobID> {
        guard !requests.isEmpty else { return [] }
        let rows = try query(Statements.accept, AcceptRequest.parameters(requests))
        return Set(try rows.map { (row) throws(PostgresError) in try row.jobID("id") })
    }

    fileprivate func move(_ runs: [ScheduleRun], held: [JobID: Bool], made: Set<JobID>) throws(PostgresError) {
        try execute(
            Statements.moveSchedules,
            [
                .textArray(runs.map(\.schedule.description)), .integerArray(runs.map { $0.next?.milliseconds }),
                .textArray(runs.map { run in run.job.flatMap { made.contains($0.id) ? $0.id.description : nil } }),
                .textArray(runs.map { held[$0.schedule] == true ? $0.heldReason : storable($0.reason) }),
            ])
    }
}

extension ScheduleRun {
    fileprivate var acceptRequest: AcceptRequest? {
        let key = "\(schedule):\(fireTime)"
        return job.map {
            AcceptRequest(job: $0, idempotency: IdempotencyKey(scope: "schedule", key: key, fingerprint: Digest.sha256(key)))
        }
    }

    fileprivate var heldReason: String? {
        job == nil ? reason : "The run of \(fireTime) was left out: the job before it has not ended"
    }
}
