import Glibc
import JobDesk
import JobLedger
import JobModel
import PostgresWire
import PrivateServers
import TestServers
import Testing

@testable import JobRunner

/// Workers that fire: each fire time has one job, whatever becomes of the leader.
@Suite(.timeLimit(.minutes(2))) struct ScheduleTests {
    private func handler() -> TestHandler { TestHandler { _ throws(JobFailure) in [:] } }

    private func everySecond(_ fixture: RunnerFixture) async throws -> Schedule {
        let request = JobRequest(kind: "task", input: [:])
        return try await fixture.desk.createSchedule(ScheduleDraft(name: "tick", expression: "@every 1s", request: request))
    }

    private struct Fired {
        /// In milliseconds after the anchor.
        let times: [Int64]
        /// How long after its time each job was made, in milliseconds.
        let delays: [Int64]
    }

    private func fired(_ schedule: Schedule, _ fixture: RunnerFixture) async throws -> Fired {
        let rows = try await fixture.pool.query(
            """
            SELECT metadata->>'scheduled_for' AS due, (extract(epoch FROM created_at) * 1000)::bigint AS made
            FROM jobs WHERE idempotency_scope = 'schedule' ORDER BY 1
            """)
        let times = try rows.map { try #require(Timestamp(rfc3339: try $0.string("due"))).milliseconds }
        return Fired(times: times.map { $0 - schedule.anchor.milliseconds }, delays: try zip(rows, times).map { try $0.int("made") - $1 })
    }

    private func expectEachOnce(_ times: [Int64], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(times == (1...max(1, times.count)).map { Int64($0) * 1000 }, sourceLocation: sourceLocation)
    }

    @Test func twoWorkersFireEachTimeOnceAndInTime() async throws {
        let fixture = try await RunnerFixture([handler()])
        try await fixture.working { _ in
            try await fixture.working { _ in
                let schedule = try await everySecond(fixture)
                try await eventually { try await fired(schedule, fixture).times.count >= 4 }
                let seen = try await fired(schedule, fixture)
                expectEachOnce(seen.times)
                // The first one may have waited for somebody to lead.
                #expect(seen.delays.dropFirst().min().map { (0..<500).contains($0) } == true, "\(seen.delays)")
                let last = try #require(try await fixture.desk.schedule(schedule.id).lastJobID)
                #expect(try await fixture.ended(last).state == .completed)
            }
        }
    }

    @Test func aLeaderThatLeavesLosesNoFireTime() async throws {
        let fixture = try await RunnerFixture([handler()])
        var schedule: Schedule?
        try await fixture.working { _ in
            let made = try await everySecond(fixture)
            schedule = made
            try await eventually { try await fired(made, fixture).times.count >= 2 }
        }
        let made = try #require(schedule)
        try await fixture.working { _ in
            try await eventually { try await fired(made, fixture).times.count >= 5 }
        }
        expectEachOnce(try await fired(made, fixture).times)
    }

    /// A frozen leader wakes up with a run in its hands, after another one took over.
    @Test func aLeaderThatWasFrozenFiresNothingAfterItsReign() async throws {
        let fixture = try await RunnerFixture([handler()])
        let ledger = fixture.desk.ledger
        let old = try #require(try await ledger.takeLeadership(as: "frozen", from: ledger.leaderSeat())).token
        let schedule = try await everySecond(fixture)
        // No renewal comes from the frozen one: a worker takes over.
        try await fixture.working { _ in
            try await eventually { try await fired(schedule, fixture).times.count >= 2 }
            let far = Timestamp.now.advanced(byMilliseconds: 30_000)
            _ = try await fixture.desk.fireSchedules(leader: old, at: far)
            try await eventually { try await fired(schedule, fixture).times.count >= 4 }
            let seen = try await fired(schedule, fixture)
            expectEachOnce(seen.times)
            #expect(seen.delays.allSatisfy { $0 >= 0 }, "none before its time")
        }
    }

    @Test func firingGoesOnAfterPostgreSQLWasAway() async throws {
        let server = try await TestPostgres.own()
        let fixture = try await RunnerFixture([handler()], postgres: server.url)
        try await fixture.working { _ in
            let schedule = try await everySecond(fixture)
            try await eventually { try await fired(schedule, fixture).times.count >= 2 }
            server.kill()
            _ = await server.exit()
            try await server.restart()
            try await eventually { try await fired(schedule, fixture).times.count >= 5 }
            expectEachOnce(try await fired(schedule, fixture).times)
        }
        await server.stop()
    }
}
