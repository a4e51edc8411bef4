internal import JobLedger
package import JobModel
internal import PostgresWire

/// Schedules as their owners see them. What they say is checked as a submission is; `FireSchedules.swift` makes their jobs.
extension JobDesk {
    package func createSchedule(_ draft: ScheduleDraft) async throws(DeskError) -> Schedule {
        let now = try await ledgerTime()
        var schedule = Schedule(
            name: draft.name, expression: draft.expression, timeZone: draft.timeZone, kind: draft.request.kind, input: draft.request.input,
            options: .object(draft.request.options), createdAt: now)
        schedule.follow(draft)
        let clock = try check(schedule)
        try await checkSecret(for: draft.request)
        schedule.nextRunAt = schedule.isEnabled ? clock.next(after: now) : nil
        let made = schedule
        switch try await asking(postgres: { () throws(PostgresError) in try await ledger.createSchedule(made) }) {
        case .created: return made
        case .nameTaken: throw .scheduleExists(name: made.name)
        case .tooMany: throw .tooManySchedules
        }
    }

    package func schedule(_ id: JobID) async throws(DeskError) -> Schedule {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.schedule(id) })
        guard let found else { throw .unknownSchedule(id) }
        return found
    }

    /// In the order of their making.
    package func schedules(after last: JobID?, named name: String?, limit: Int) async throws(DeskError) -> [Schedule] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.schedules(after: last, named: name, limit: limit) })
    }

    /// The schedule as it is now; nil when somebody else changed it since `old` was read. New times count from now on: what was due before
    /// the change is not made up for.
    package func changeSchedule(_ old: Schedule, to draft: ScheduleDraft) async throws(DeskError) -> Schedule? {
        var new = old
        new.follow(draft)
        let hasNewClock = new.expression != old.expression || new.timeZone != old.timeZone
        let hasNewTimes = hasNewClock || new.isEnabled != old.isEnabled
        new.updatedAt = try await ledgerTime()
        if new.expression != old.expression { new.anchor = new.updatedAt.startOfSecond }
        // A schedule whose kind or zone is no more can still be disabled.
        if new.isEnabled || hasNewClock || !new.hasJob(of: old) {
            let clock = try check(new)
            new.nextRunAt = clock.next(after: new.updatedAt)
        }
        if !new.isEnabled { new.nextRunAt = nil }
        if !new.hasJob(of: old) { try await checkSecret(for: draft.request) }
        let changed = new
        guard try await write(changed, hasNewTimes: hasNewTimes) else { return nil }
        return try await schedule(old.id)
    }

    private func write(_ schedule: Schedule, hasNewTimes: Bool) async throws(DeskError) -> Bool {
        do throws(PostgresError) {
            return try await ledger.changeSchedule(schedule, hasNewTimes: hasNewTimes)
        } catch {
            throw error.isUniqueViolation ? .scheduleExists(name: schedule.name) : DeskError(error)
        }
    }

    /// Its jobs live on.
    package func deleteSchedule(_ id: JobID) async throws(DeskError) {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.deleteSchedule(id) })
        guard found else { throw .unknownSchedule(id) }
    }

    /// Makes the schedule's job now, whatever its times and its overlap rule say; both stay as they are.
    package func runSchedule(_ id: JobID, idempotency: IdempotencyKey?, traceparent: String?) async throws(DeskError) -> Submission {
        var request = try await schedule(id).request
        request.idempotency = idempotency
        request.traceparent = traceparent
        return try await submit(request)
    }

    /// Times and job, as they will be used; every fault with the place where the owner wrote it.
    private func check(_ schedule: Schedule) throws(DeskError) -> ScheduleClock {
        _ = try compose(schedule.request)
        let clock: ScheduleClock
        do { clock = try schedule.clock() } catch {
            let place = error.field == "time zone" ? "#/time_zone" : "#/expression"
            throw .invalid([InputShape.Fault(pointer: place, detail: "\(error)")])
        }
        return clock
    }

    /// PostgreSQL's clock: the one that fires.
    private func ledgerTime() async throws(DeskError) -> Timestamp {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.nextDueSchedule().now })
    }
}

extension Schedule {
    var request: JobRequest { JobRequest(kind: kind, input: input, options: options) }

    fileprivate mutating func follow(_ draft: ScheduleDraft) {
        name = draft.name
        expression = draft.expression
        timeZone = draft.timeZone
        missed = draft.missed
        overlap = draft.overlap
        isEnabled = draft.isEnabled
        kind = draft.request.kind
        input = draft.request.input
        options = .object(draft.request.options)
    }

    fileprivate func hasJob(of other: Schedule) -> Bool {
        kind == other.kind && input == other.input && options == other.options
    }
}
