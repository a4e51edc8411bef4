import JobDesk
import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

@testable import JobRunner

/// What the others do about a worker that is gone, and how soon.
@Suite(.timeLimit(.minutes(1))) struct DeathTests {
    /// A worker that has claimed so many jobs and will never beat again.
    private func killed(holding count: Int, in fixture: RunnerFixture) async throws -> Observation {
        let streams = fixture.desk.queue.keys.streams(["ingest"], StreamLevel.allCases)
        for _ in 0..<count { try await fixture.submit() }
        let card = WorkerCard(name: "gone", host: "h", processID: 1, version: "1", queues: ["ingest"], slots: count)
        _ = try await fixture.desk.queue.beat(card, running: 0)
        _ = try await fixture.desk.queue.claim(for: "gone", from: streams, count: count)
        return try #require(try await fixture.desk.queue.observe(streams).first { $0.worker == "gone" })
    }

    private func told(in fixture: RunnerFixture) async throws -> String? {
        try await fixture.redis.command(["HGET", .string(fixture.desk.queue.keys.worker("gone")), "still_ms"]).string
    }

    @Test func aWorkerTellsTheOthersWhoIsSilent() async throws {
        let fixture = try await RunnerFixture([TestHandler { _ throws(JobFailure) in [:] }])
        _ = try await killed(holding: 1, in: fixture)
        try await fixture.working { _ in try await eventually { try await told(in: fixture) != nil } }
    }
}
