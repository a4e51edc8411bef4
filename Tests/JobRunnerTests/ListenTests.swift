import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import PrivateServers
import TestServers
import Testing

@testable import JobRunner

/// Jobs that services accept in SQL.
@Suite(.timeLimit(.minutes(1))) struct ListenTests {
    private func fixture(_ server: PrivatePostgres? = nil) async throws -> RunnerFixture {
        let handler = TestHandler { context throws(JobFailure) in ["attempt": .integer(Int64(context.attempt))] }
        // The reconciler is kept out: what runs here was announced.
        let fixture = try await RunnerFixture([handler], postgres: server?.url) {
            $0.reconcileInterval = .seconds(3600)
            $0.lossInterval = .seconds(3600)
        }
        try await fixture.desk.ledger.publish(fixture.desk.catalogue.kinds)
        return fixture
    }

    private func enqueue(_ fixture: RunnerFixture) async throws -> JobID {
        let row = try #require(try await fixture.pool.query("SELECT tidewheel.enqueue('task', '{}') AS id").first)
        let text = try row.string("id")
        return try #require(JobID(text))
    }

    private func waitUntilListening(_ fixture: RunnerFixture) async throws {
        try await eventually {
            let name = "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            return try await fixture.pool.query(name).first?.int("n") == 1
        }
    }

    @Test func anAnnouncedJobRunsAtOnceAndOnce() async throws {
        let fixture = try await fixture()
        try await fixture.working { _ in
            try await waitUntilListening(fixture)
            var ids: [JobID] = []
            for _ in 0..<10 { ids.append(try await enqueue(fixture)) }
            for id in ids {
                try await eventually(within: .seconds(10)) { try await fixture.desk.read(id).state == .completed }
                #expect(try await fixture.desk.read(id).result == ["attempt": 1])
            }
        }
    }

    @Test func aRolledBackJobIsNeverSeen() async throws {
        let fixture = try await fixture()
        try await fixture.working { _ in
            try await waitUntilListening(fixture)
            await #expect(throws: PostgresError.self) {
                try await fixture.pool.transaction { (connection) throws(PostgresError) in
                    _ = try connection.query("SELECT tidewheel.enqueue('task', '{}')")
                    throw PostgresError(.statement, "no")
                }
            }
            let after = try await enqueue(fixture)
            try await eventually { try await fixture.desk.read(after).state == .completed }
            #expect(try await fixture.pool.query("SELECT count(*) AS n FROM jobs").first?.int("n") == 1)
        }
    }

    @Test func afterARestartOfPostgreSQLItListensAgain() async throws {
        let server = try await TestPostgres.own()
        let fixture = try await fixture(server)
        try await fixture.working { _ in
            try await waitUntilListening(fixture)
            server.kill()
            _ = await server.exit()
            try await server.restart()
            try await eventually {
                _ = try await enqueue(fixture)
                return true
            }
            try await waitUntilListening(fixture)
            let id = try await enqueue(fixture)
            try await eventually { (try? await fixture.desk.read(id))?.state == .completed }
        }
        await server.stop()
    }
}
