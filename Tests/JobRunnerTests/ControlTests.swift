import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import RedisWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct ControlTests {
    @Test func aPausedQueueStaysSoAfterALossOfRedis() async throws {
        let fixture = try await RunnerFixture([TestHandler { _ in [:] }])
        try await fixture.working { _ in
            _ = try await fixture.ended(fixture.submit())
            try await fixture.desk.pause("ingest", by: nil)
            let id = try await fixture.submit()
            let prefix = fixture.desk.queue.keys.prefix
            let keys = try await fixture.redis.command(["KEYS", .string(prefix + "*")]).array?.compactMap(\.string) ?? []
            // The worker may have written its mark between the two commands.
            let all = Set(keys + [fixture.desk.queue.keys.generation])
            _ = try await fixture.redis.command(["DEL"] + all.map { .string($0) })
            try await eventually { try await fixture.desk.queue.job(id)?.state == .queued }
            #expect(try await fixture.desk.queue.pausedQueues() == ["ingest"])
            try await fixture.desk.resume("ingest")
            #expect(try await fixture.ended(id).state == .completed)
        }
    }

    @Test func aStartThatSQLRefusesAfterACancelDoesNotHoldTheWorkerUp() async throws {
        let fixture = try await RunnerFixture([TestHandler { _ in [:] }]) { $0.stopGrace = .seconds(300) }
        let id = try await fixture.submit()
        _ = try await fixture.desk.ledger.endUnclaimed(id, as: .cancelled(.cancelled), at: .now, by: "test")
        let hash = RedisArgument.string(fixture.desk.queue.keys.job(id))
        _ = try await fixture.redis.command(["HSET", hash, "cancel_requested", "1", "more", "1"])
        try await fixture.working { _ in
            // It claims nothing while an outcome waits for a store.
            try await eventually(within: .seconds(5)) { try await fixture.desk.queue.job(id)?.state == .cancelled }
            #expect(try await fixture.ended(fixture.submit()).state == .completed)
        }
    }
}
