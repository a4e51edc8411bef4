import JobDesk
import JobLedger
import JobModel
import JobRunner
import PrivateServers
import TestServers
import Testing

/// The suite's own servers, stopped and killed in the middle of a step.
@Suite(.timeLimit(.minutes(1))) struct OutageTests {
    @Test func anOutcomeWaitsForPostgreSQL() async throws {
        let server = try await TestPostgres.own()
        let gate = Gate()
        let handler = TestHandler { _ throws(JobFailure) in
            try await gate.wait()
            return ["kept": true]
        }
        let fixture = try await RunnerFixture([handler], postgres: server.url)
        try await fixture.working { _ in
            let id = try await fixture.submit()
            try await fixture.waitFor("started", of: id)
            server.kill()
            _ = await server.exit()
            gate.open()
            let refused = await #expect(throws: DeskError.self) { try await fixture.desk.read(id) }
            guard case .unavailable("PostgreSQL", _) = refused else {
                Issue.record("not said to be unavailable: \(String(describing: refused))")
                return
            }
            try await server.restart()
            try await eventually(within: .seconds(20)) { (try? await fixture.desk.read(id))?.state == .completed }
            #expect(try await fixture.desk.ledger.job(id)?.result == ["kept": true])
        }
        await server.stop()
    }

    @Test func workGoesOnAfterRedisWasKilledAndHasForgottenEverything() async throws {
        let server = try await TestRedis.own()
        let handler = TestHandler { context throws(JobFailure) in ["attempt": .integer(Int64(context.attempt))] }
        let fixture = try await RunnerFixture([handler], redis: server) { $0.slots = 1 }
        let before = try await fixture.submit()
        server.kill()
        _ = await server.exit()
        try await server.restart()
        try await fixture.working { _ in
            try await eventually(within: .seconds(20)) {
                (try? await fixture.desk.read(before))?.state == .completed
            }
            #expect(try await fixture.ended(fixture.submit()).state == .completed)
        }
        await server.stop()
    }

    @Test func aWorkerConsumesAgainAfterRedisCameBack() async throws {
        let server = try await TestRedis.own(persistent: true)
        let handler = TestHandler { _ throws(JobFailure) in [:] }
        let fixture = try await RunnerFixture([handler], redis: server)
        try await fixture.working { _ in
            #expect(try await fixture.ended(fixture.submit()).state == .completed)
            server.kill()
            _ = await server.exit()
            try await server.restart()
            try await eventually(within: .seconds(10)) { (try? await fixture.submit()) != nil }
            let id = try await fixture.submit()
            try await eventually(within: .seconds(15)) { (try? await fixture.desk.read(id))?.state == .completed }
        }
        await server.stop()
    }
}
