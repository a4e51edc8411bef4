package import JobModel
package import PostgresWire

package enum ScheduleCreation: Sendable, Hashable {
    case created
    case nameTaken
    /// There are `Schedule.maxCount` already.
    case tooMany
}

/// Schedules as their owners see them; `ScheduleRuns.swift` fires them.
extension JobLedger {
    /// What PostgreSQL's clock says, and the earliest fire time of all. Cost: one row of an index.
    package func nextDueSchedule() async throws(PostgresError) -> (now: Timestamp, due: Timestamp?) {
        guard let row = try await pool.query(Statements.nextDueSchedule).first, let now = try row.time("now_ms") else {
            throw PostgresError(.decoding, "PostgreSQL does not tell the time")
        }
        return (now, try row.time("next_ms"))
    }

    package func createSchedule(_ schedule: Schedule) async throws(PostgresError) -> ScheduleCreation {
        let parameters = schedule.parameters
        return try await pool.transaction { (connection) throws(PostgresError) in
            // One creation at a time: together they would go over the bound. "schedule" in ASCII.
            try connection.execute("SELECT pg_advisory_xact_lock(8314604121742470245)")
            let count = try connection.query("SELECT count(*) AS n FROM schedules").first?.int("n") ?? 0
            guard count < Int64(Schedule.maxCount) else { return .tooMany }
            return try connection.query(Statements.createSchedule, parameters).isEmpty ? .nameTaken : .created
        }
    }

    package func schedule(_ id: JobID) async throws(PostgresError) -> Schedule? {
        try await pool.query(Statements.scheduleByID, [.text(id.description)]).first?.schedule()
    }

    /// In the order of their making, those after `last`; with a name at most the one that has it.
    package func schedules(after last: JobID?, named name: String? = nil, limit: Int) async throws(PostgresError) -> [Schedule] {
        let rows = try await pool.query(
            Statements.schedulesListed,
            [.optional(last?.description), .integer(Int64(max(0, min(limit, 1000)))), .optional(storable(name))])
        return try rows.map { (row) throws(PostgresError) in try row.schedule() }
    }

    /// False: it was changed since `schedule` was read, or is gone. Throws a unique violation when the new name is taken.
    package func changeSchedule(_ schedule: Schedule, hasNewTimes: Bool) async throws(PostgresError) -> Bool {
        let parameters = schedule.parameters + [.integer(schedule.version), .boolean(hasNewTimes)]
        return try await !pool.query(Statements.changeSchedule, parameters).isEmpty
    }

    /// False: there is none. Its jobs stay.
    package func deleteSchedule(_ id: JobID) async throws(PostgresError) -> Bool {
        try await pool.execute("DELETE FROM schedules WHERE id = $1", [.text(id.description)]) > 0
    }
}

extension Schedule {
    fileprivate var parameters: [PostgresValue] {
        [
            .text(id.description), .optional(storable(name)), .optional(storable(expression)), .optional(storable(timeZone)),
            .optional(storable(kind)), .text(input.withoutNulls.serialized), .text(options.withoutNulls.serialized),
            .text(missed.rawValue), .text(overlap.rawValue), .boolean(isEnabled), .integer(anchor.milliseconds),
            .optional(nextRunAt?.milliseconds), .integer(updatedAt.milliseconds),
        ]
    }
}

extension PostgresRow {
    func schedule() throws(PostgresError) -> Schedule {
        guard let missed = Schedule.MissedRuns(rawValue: try string("missed")),
            let overlap = Schedule.Overlap(rawValue: try string("overlap")), let createdAt = try time("created_ms")
        else { throw PostgresError(.decoding, "A schedule's rules are unknown to this version") }
        var schedule = Schedule(
            id: try jobID("id"), name: try string("name"), expression: try string("expression"), timeZone: try string("time_zone"),
            kind: try string("kind"), input: try json("input") ?? [:], options: try json("options") ?? [:], createdAt: createdAt)
        schedule.missed = missed
        schedule.overlap = overlap
        schedule.isEnabled = try bool("enabled")
        schedule.anchor = try time("anchor_ms") ?? createdAt
        schedule.version = try int("version")
        schedule.nextRunAt = try time("next_ms")
        schedule.lastRunAt = try time("last_ms")
        schedule.lastJobID = try optionalString("last_job_id").flatMap { JobID($0) }
        schedule.lastError = try optionalString("last_error")
        schedule.updatedAt = try time("updated_ms") ?? createdAt
        return schedule
    }
}
