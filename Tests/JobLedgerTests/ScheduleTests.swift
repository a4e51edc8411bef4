import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct ScheduleTests {
    private func schedule(_ name: String = "nightly", at next: Int64? = 1_800_000_000_000) -> Schedule {
        var schedule = Schedule(
            name: name, expression: "0 3 * * *", timeZone: "Europe/Berlin", kind: "web_crawl", input: ["url": "http://h/"],
            options: ["priority": "high"], createdAt: Timestamp(milliseconds: 1_790_000_000_123))
        schedule.nextRunAt = next.map(Timestamp.init(milliseconds:))
        schedule.missed = .skip
        schedule.overlap = .skip
        return schedule
    }

    private func run(_ schedule: Schedule, job: Job? = .sample()) throws -> ScheduleRun {
        let fireTime = try #require(schedule.nextRunAt)
        return ScheduleRun(schedule, at: fireTime, next: fireTime.advanced(byMilliseconds: 1000), job: job)
    }

    private func leader(_ fixture: LedgerFixture, _ name: String = "a") async throws -> LeaderToken {
        try #require(try await fixture.ledger.takeLeadership(as: name, from: fixture.ledger.leaderSeat())).token
    }

    @Test func `A schedule reads back as it was written`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let made = schedule()
            #expect(try await fixture.ledger.createSchedule(made) == .created)
            #expect(try await fixture.ledger.schedule(made.id) == made)
            #expect(try await fixture.ledger.createSchedule(schedule()) == .nameTaken)
            #expect(try await fixture.ledger.schedule(JobID()) == nil)
            let idle = schedule("idle", at: nil)
            #expect(try await fixture.ledger.createSchedule(idle) == .created)
            #expect(try await fixture.ledger.schedules(after: nil, limit: 10) == [made, idle])
            #expect(try await fixture.ledger.schedules(after: made.id, limit: 10) == [idle])
            #expect(try await fixture.ledger.schedules(after: nil, named: "idle", limit: 10) == [idle])
            #expect(try await fixture.ledger.nextDueSchedule().due == made.nextRunAt)
            #expect(try await fixture.ledger.deleteSchedule(made.id))
            #expect(try await !fixture.ledger.deleteSchedule(made.id))
        }
    }

    @Test func `A change from an old reading is refused, and a new name must be free`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var made = schedule()
            _ = try await fixture.ledger.createSchedule(made)
            _ = try await fixture.ledger.createSchedule(schedule("other"))
            made.kind = "document"
            made.nextRunAt = nil
            #expect(try await fixture.ledger.changeSchedule(made, hasNewTimes: false))
            let changed = try #require(try await fixture.ledger.schedule(made.id))
            #expect(changed.kind == "document" && changed.version == 2)
            #expect(changed.nextRunAt != nil, "its times are not new")
            #expect(try await !fixture.ledger.changeSchedule(made, hasNewTimes: true))
            made = changed
            made.name = "other"
            let taken = made
            let error = await #expect(throws: PostgresError.self) { try await fixture.ledger.changeSchedule(taken, hasNewTimes: true) }
            #expect(error?.isUniqueViolation == true)
        }
    }

    @Test func `The bound on schedules holds`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let made = schedule()
            _ = try await fixture.ledger.createSchedule(made)
            try await fixture.pool.execute(
                """
                INSERT INTO schedules (id, name, expression, time_zone, kind, input, missed, overlap, enabled, anchor_at, created_at, updated_at)
                SELECT gen_random_uuid(), n::text, '@daily', 'UTC', 'k', '{}', 'skip', 'skip', false, now(), now(), now()
                FROM generate_series(2, $1::integer) AS n
                """, [.integer(Int64(Schedule.maxCount - 1))])
            #expect(try await fixture.ledger.createSchedule(schedule("last")) == .created)
            #expect(try await fixture.ledger.createSchedule(schedule("one too many")) == .tooMany)
        }
    }

    @Test func `Many leaders that fire one time at once make one job, and one that has been replaced none`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let made = schedule()
            _ = try await fixture.ledger.createSchedule(made)
            let old = try await leader(fixture)
            try await fixture.ledger.resignLeadership(as: "a", old)
            let token = try await leader(fixture, "b")
            #expect(try await fixture.ledger.run([run(made)], leader: old) == .refused)
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 0)
            let runs = try (0..<8).map { _ in try run(made) }
            let jobs = try await withThrowingTaskGroup(of: ScheduleRunning.self) { group in
                for one in runs { group.addTask { try await fixture.ledger.run([one], leader: token) } }
                return try await group.reduce(into: [JobID]()) { if case .done(_, let made) = $1 { $0 += made } }
            }
            #expect(jobs.count == 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs WHERE idempotency_scope = 'schedule'") == 1)
            let fired = try #require(try await fixture.ledger.schedule(made.id))
            #expect(fired.lastRunAt == made.nextRunAt && fired.lastJobID == jobs.first)
            #expect(fired.nextRunAt?.milliseconds == 1_800_000_001_000)
            #expect(try await fixture.ledger.run([run(made)], leader: token) == .done(moved: 0, jobs: []), "that time is over")
            var resting = schedule("resting")
            resting.isEnabled = false
            _ = try await fixture.ledger.createSchedule(resting)
            #expect(try await fixture.ledger.run([run(resting)], leader: token) == .done(moved: 0, jobs: []))
        }
    }

    @Test func `A fire time that comes again, after a clock or a backup went back, makes no second job`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let made = schedule()
            _ = try await fixture.ledger.createSchedule(made)
            let token = try await leader(fixture)
            let first = try run(made)
            _ = try await fixture.ledger.run([first], leader: token)
            try await fixture.pool.execute("UPDATE schedules SET next_run_at = last_run_at")
            #expect(try await fixture.ledger.run([run(made)], leader: token) == .done(moved: 1, jobs: []))
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 1)
            #expect(try await fixture.ledger.schedule(made.id)?.lastJobID == first.job?.id)
        }
    }

    @Test func `A run that was planned before a change is refused`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let made = schedule()
            _ = try await fixture.ledger.createSchedule(made)
            let token = try await leader(fixture)
            let planned = try run(made)
            _ = try await fixture.ledger.changeSchedule(made, hasNewTimes: false)
            #expect(try await fixture.ledger.run([planned], leader: token) == .done(moved: 0, jobs: []))
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 0)
        }
    }

    @Test func `While the job before lives a schedule that must not overlap makes none`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let made = schedule()
            _ = try await fixture.ledger.createSchedule(made)
            let token = try await leader(fixture)
            let first = try run(made)
            _ = try await fixture.ledger.run([first], leader: token)
            let again = try #require(try await fixture.ledger.schedule(made.id))
            #expect(try await fixture.ledger.run([run(again)], leader: token) == .done(moved: 1, jobs: []))
            let held = try #require(try await fixture.ledger.schedule(made.id))
            #expect(held.lastError?.contains("has not ended") == true)
            #expect(held.lastJobID == first.job?.id && held.lastRunAt == made.nextRunAt)
            let id = try #require(first.job?.id)
            _ = try await fixture.ledger.endUnclaimed(id, as: .cancelled(.cancelled), at: .now, by: "test")
            let third = try run(held)
            #expect(try await fixture.ledger.run([third], leader: token) == .done(moved: 1, jobs: Set([third.job?.id].compactMap(\.self))))
            #expect(try await fixture.ledger.schedule(made.id)?.lastError == nil)
        }
    }
}
