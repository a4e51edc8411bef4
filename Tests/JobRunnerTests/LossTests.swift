import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import PrivateServers
import RedisWire
import Synchronization
import TestServers
import Testing

/// Redis loses everything while jobs run.
@Suite(.timeLimit(.minutes(1))) struct LossTests {
    @Test func theNextAttemptSkipsTheStepsThatWereFinished() async throws {
        let server = try await TestRedis.own()
        let runs = Mutex<[String: Int]>([:])
        let gate = Gate()
        let handler = TestHandler { context throws(JobFailure) in
            var sum = 0
            for name in ["a", "b", "c"] {
                let part = try await context.step(name) { () async throws(JobFailure) in
                    if name == "c", context.attempt == 1 { try await gate.wait() }
                    return .integer(
                        Int64(
                            runs.withLock {
                                $0[name, default: 0] += 1; return $0[name] ?? 0
                            }))
                }
                sum += part.integer ?? 0
            }
            return ["sum": .integer(Int64(sum))]
        }
        let fixture = try await RunnerFixture([handler], redis: server)
        try await fixture.working { _ in
            let id = try await fixture.submit()
            try await eventually { try await fixture.desk.ledger.stepNames(of: id) == ["a", "b"] }
            _ = try await fixture.redis.command(["FLUSHALL"])
            gate.open()
            try await eventually { (try? await fixture.desk.read(id))?.state == .completed }
            let job = try await fixture.desk.read(id)
            #expect(job.attempt > 1)
            #expect(runs.withLock { $0["a"] } == 1 && runs.withLock { $0["b"] } == 1)
        }
        await server.stop()
    }

    @Test func everyRecordedJobIsQueuedAgainAndStreamsOfEndedOnesEnd() async throws {
        let server = try await TestRedis.own()
        let gate = Gate()
        let handler = TestHandler { context throws(JobFailure) in
            if context.attempt == 1 { try await gate.wait() }
            return ["attempt": .integer(Int64(context.attempt))]
        }
        let fixture = try await RunnerFixture([handler], redis: server) { $0.slots = 2 }
        try await fixture.working { _ in
            var ids: [JobID] = []
            for _ in 0..<30 { ids.append(try await fixture.submit()) }
            try await fixture.waitFor("started", of: ids[0])
            let start = ContinuousClock.now
            _ = try await fixture.redis.command(["FLUSHALL"])
            gate.open()
            // The promise is 15 s until they are queued; a machine with many tests at once may be late.
            for id in ids { #expect(try await fixture.ended(id).state == .completed) }
            #expect(ContinuousClock.now - start < .seconds(30))
        }
        await server.stop()
    }
}
