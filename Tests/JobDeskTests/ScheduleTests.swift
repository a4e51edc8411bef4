import JobDesk
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

@testable import JobDesk

@Suite(.timeLimit(.minutes(1))) struct ScheduleTests {
    private func draft(_ expression: String = "@every 10s", change: (inout ScheduleDraft) -> Void = { _ in }) -> ScheduleDraft {
        var draft = ScheduleDraft(
            name: "n", expression: expression, request: JobRequest(kind: "web_crawl", input: ["url": "http://h/"]))
        change(&draft)
        return draft
    }

    private func leader(_ fixture: DeskFixture) async throws -> LeaderToken {
        let ledger = fixture.desk.ledger
        return try #require(try await ledger.takeLeadership(as: "w\(Int.random(in: 0..<1 << 40))", from: ledger.leaderSeat())).token
    }

    /// The fire times that have jobs, in seconds after the anchor.
    private func fired(_ schedule: Schedule, _ fixture: DeskFixture) async throws -> [Int64] {
        let rows = try await fixture.pool.query("SELECT metadata->>'scheduled_for' AS at FROM jobs ORDER BY 1")
        return try rows.map { row in
            let time = try #require(Timestamp(rfc3339: try row.string("at")))
            return (time.milliseconds - schedule.anchor.milliseconds) / 1000
        }
    }

    @Test func aFireTimeMakesAJobThatIsQueuedAndSaysWhereItComesFrom() async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(
            draft {
                $0.request.tags = ["night"]
                $0.request.metadata = ["mine": 1]
                $0.request.maxAttempts = 7
            })
        let token = try await leader(fixture)
        let wait = try #require(try await fixture.desk.fireSchedules(leader: token))
        #expect(wait > .zero && wait <= .seconds(10))
        #expect(try await fired(schedule, fixture) == [])
        _ = try await fixture.desk.fireSchedules(leader: token, at: schedule.anchor.advanced(byMilliseconds: 10_000))
        let claim = try #require(try await fixture.claimed())
        #expect(claim.job.tags == ["night"] && claim.job.maxAttempts == 7 && claim.job.input["max_pages"] == 10)
        #expect(claim.job.metadata["mine"] == 1)
        #expect(claim.job.metadata["schedule"] == "n")
        #expect(claim.job.metadata["schedule_id"]?.string == schedule.id.description)
        #expect(try await fired(schedule, fixture) == [10])
        #expect(try await fixture.desk.schedule(schedule.id).lastJobID == claim.job.id)
    }

    @Test func everyFireTimeOfAShortAbsenceIsMadeUpFor() async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(draft())
        let token = try await leader(fixture)
        _ = try await fixture.desk.fireSchedules(leader: token, at: schedule.anchor.advanced(byMilliseconds: 45_000))
        #expect(try await fired(schedule, fixture) == [10, 20, 30, 40])
    }

    @Test(arguments: [(Schedule.MissedRuns.skip, [Int64]()), (.runOnce, [10])])
    func missedTimesAreLeftOutOrMadeUpForByOne(rule: Schedule.MissedRuns, expected: [Int64]) async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(draft { $0.missed = rule })
        let token = try await leader(fixture)
        let late = schedule.anchor.advanced(byMilliseconds: 3_601_000)
        #expect(try await fixture.desk.fireSchedules(leader: token, at: late) == .seconds(9))
        #expect(try await fired(schedule, fixture) == expected)
        let now = try await fixture.desk.schedule(schedule.id)
        #expect((now.lastError == nil) == (rule == .runOnce))
        _ = try await fixture.desk.fireSchedules(leader: token, at: schedule.anchor.advanced(byMilliseconds: 3_610_000))
        #expect(try await fired(schedule, fixture) == expected + [3610])
    }

    @Test func aClockThatJumpsBackFiresNothingTwice() async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(draft())
        let token = try await leader(fixture)
        for second: Int64 in [10, 0, 5, 10, 20, 11, 20] {
            _ = try await fixture.desk.fireSchedules(leader: token, at: schedule.anchor.advanced(byMilliseconds: second * 1000))
        }
        #expect(try await fired(schedule, fixture) == [10, 20])
    }

    @Test func aScheduleWhoseJobIsRefusedSaysWhyAndHoldsNobodyUp() async throws {
        let fixture = try await DeskFixture()
        let token = try await leader(fixture)
        let good = try await fixture.desk.createSchedule(draft())
        let bad = try await fixture.desk.createSchedule(draft { $0.name = "bad" })
        try await fixture.pool.execute("UPDATE schedules SET kind = 'gone' WHERE id = $1", [.text(bad.id.description)])
        _ = try await fixture.desk.fireSchedules(leader: token, at: #require(bad.nextRunAt))
        #expect(try await fired(good, fixture) == [10])
        let told = try await fixture.desk.schedule(bad.id)
        #expect(told.lastError == "There is no kind gone any more" && told.nextRunAt.map { $0 > bad.anchor } == true)
        // It can be disabled as it is, and not be enabled again.
        let off = ScheduleDraft(name: "bad", expression: told.expression, request: told.request)
        var disabled = off
        disabled.isEnabled = false
        let changed = try await fixture.desk.changeSchedule(told, to: disabled)
        #expect(changed?.nextRunAt == nil)
        await #expect(throws: DeskError.self) { try await fixture.desk.changeSchedule(#require(changed), to: off) }
    }

    @Test func oneJobThatPostgreSQLRefusesDoesNotStopTheOthers() async throws {
        let fixture = try await DeskFixture()
        let token = try await leader(fixture)
        try await fixture.pool.script("ALTER TABLE jobs ADD CHECK (title <> 'poison')")
        for name in ["a", "b", "c", "d", "e"] {
            _ = try await fixture.desk.createSchedule(
                draft {
                    $0.name = name
                    $0.request.title = name == "c" ? "poison" : nil
                })
        }
        let all = try await fixture.desk.schedules(after: nil, named: nil, limit: 10)
        let late = try #require(all.compactMap(\.nextRunAt).max())
        _ = try await fixture.desk.fireSchedules(leader: token, at: late)
        let after = try await fixture.desk.schedules(after: nil, named: nil, limit: 10)
        #expect(after.filter { $0.lastJobID != nil }.map(\.name) == ["a", "b", "d", "e"])
        #expect(after.filter { $0.lastError != nil }.map(\.name) == ["c"])
        #expect(after.compactMap(\.nextRunAt).allSatisfy { $0 > late })
    }

    @Test func aUniqueJobThatLivesIsNotMadeAgain() async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(
            draft { $0.request.uniqueness = Uniqueness(key: "k", span: .whileActive) })
        let token = try await leader(fixture)
        _ = try await fixture.desk.fireSchedules(leader: token, at: schedule.anchor.advanced(byMilliseconds: 20_000))
        #expect(try await fired(schedule, fixture) == [10])
        #expect(try await fixture.desk.schedule(schedule.id).lastError?.contains("unique key") == true)
    }

    @Test func aKindWithoutRowsHasOneWhenAScheduleMakesIt() async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(draft { $0.request = JobRequest(kind: "note", input: [:]) })
        _ = try await fixture.desk.fireSchedules(leader: leader(fixture), at: schedule.anchor.advanced(byMilliseconds: 10_000))
        #expect(try await fired(schedule, fixture) == [10])
        #expect(try await fixture.claimed()?.job.isRecorded == true)
    }

    @Test func jobsOfFireTimesSurviveARedisThatIsAway() async throws {
        let fixture = try await DeskFixture()
        let schedule = try await fixture.desk.createSchedule(draft())
        _ = try await fixture.desk.fireSchedules(leader: leader(fixture), at: schedule.anchor.advanced(byMilliseconds: 10_000))
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.reconcile(olderThan: -60_000) == 1)
        #expect(try await fixture.claimed()?.job.metadata["schedule"] == "n")
    }

    /// Of the day, UTC.
    private func minute(_ schedule: Schedule) -> Int64 {
        (schedule.nextRunAt?.milliseconds ?? -60_000) / 60_000 % 1440
    }

    @Test func newTimesCountFromTheChangeAndOtherChangesLeaveThemAlone() async throws {
        let fixture = try await DeskFixture()
        let made = try await fixture.desk.createSchedule(draft("0 3 * * *") { $0.timeZone = "Asia/Kathmandu" })
        #expect(minute(made) == 21 * 60 + 15)
        let renamed = try #require(
            try await fixture.desk.changeSchedule(
                made,
                to: draft("0 3 * * *") {
                    $0.name = "m"
                    $0.timeZone = "Asia/Kathmandu"
                }))
        #expect(renamed.name == "m" && renamed.nextRunAt == made.nextRunAt && renamed.version == 2)
        let moved = try #require(try await fixture.desk.changeSchedule(renamed, to: draft("0 3 * * *")))
        #expect(minute(moved) == 3 * 60)
        #expect(try await fixture.desk.changeSchedule(renamed, to: draft()) == nil, "it was changed since it was read")
    }

    @Test(arguments: [
        ("0 25 * * *", "UTC", "web_crawl", "#/expression"), ("0 3 * * *", "Mars/Olympus", "web_crawl", "#/time_zone"),
        ("0 3 * * *", "UTC", "document", ""), ("0 0 30 2 *", "UTC", "web_crawl", "#/expression"),
    ])
    func whatCannotFireIsRefusedAtTheDoor(expression: String, zone: String, kind: String, pointer: String) async throws {
        let fixture = try await DeskFixture()
        let error = await #expect(throws: DeskError.self) {
            try await fixture.desk.createSchedule(
                draft(expression) {
                    $0.timeZone = zone
                    $0.request.kind = kind
                })
        }
        switch error {
        case .invalid(let faults): #expect(faults.map(\.pointer) == [pointer])
        case .unknownKind: #expect(kind == "document")
        default: Issue.record("\(String(describing: error))")
        }
    }

    @Test func whatARequestSaysComesBackFromItsOptions() {
        var request = JobRequest(kind: "k", input: ["a": 1])
        request.queue = "q"
        request.priority = .urgent
        request.timeoutMilliseconds = 1_500
        request.maxAttempts = 4
        request.backoff = Backoff(baseMilliseconds: 250, capMilliseconds: 60_000)
        request.concurrencyKey = "tenant"
        request.subject = "s"
        request.sessionID = "i"
        request.title = "t"
        request.description = "d"
        request.tags = ["x", "y"]
        request.metadata = ["m": [1, 2]]
        for span: Uniqueness.Span in [.whileQueued, .whileActive, .window(milliseconds: 90_500)] {
            request.uniqueness = Uniqueness(key: "u", span: span)
            let read = JobRequest(kind: "k", input: ["a": 1], options: .object(request.options))
            #expect("\(read)" == "\(request)")
        }
    }
}
