import JobDesk
import JobModel
import JobQueue
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
}
