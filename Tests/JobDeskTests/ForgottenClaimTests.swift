import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Testing

/// What a Redis that went back to an earlier moment does to attempts.
@Suite(.timeLimit(.minutes(1))) struct ForgottenClaimTests {
    /// The claim of an attempt is forgotten, as with a torn append-only file: another worker starts the same attempt beside it.
    private func twins(_ fixture: DeskFixture) async throws -> (first: Claim, second: Claim) {
        let job = try await fixture.desk.submit(fixture.request()).job
        let keys = [fixture.desk.queue.keys.job(job.id), fixture.desk.queue.keys.stream("ingest", .medium)]
        var kept: [RedisReply] = []
        for key in keys { kept.append(try await fixture.redis.command(["DUMP", .string(key)])) }
        let first = try #require(try await fixture.claimed(by: "w1"))
        try await start(first, fixture)
        for (key, dump) in zip(keys, kept) {
            _ = try await fixture.redis.command(["RESTORE", .string(key), 0, .bytes(dump.bytes ?? []), "REPLACE"])
        }
        let second = try #require(try await fixture.claimed(by: "w2"))
        #expect(first.attempt == 1 && second.attempt == 1)
        try await start(second, fixture)
        return (first, second)
    }

    private func start(_ claim: Claim, _ fixture: DeskFixture) async throws {
        if case .refused = try await fixture.desk.start(claim) { Issue.record("the start was refused") }
    }

    @Test(arguments: [true, false]) func twoWorkersOfOneAttemptEndTheJobOnce(isFirstFaster: Bool) async throws {
        let fixture = try await DeskFixture()
        let (first, second) = try await twins(fixture)
        let (fast, slow) = isFirstFaster ? (first, second) : (second, first)
        _ = try await fixture.desk.finish(fast, as: .completed(["by": .string(fast.worker)]))
        #expect(try await fixture.desk.finish(slow, as: .failed(.permanent("no", type: "x"))) == .lost)
        let job = try await fixture.desk.read(first.job.id)
        #expect(job.state == .completed)
        #expect(job.result == ["by": .string(fast.worker)])
        // Redis says the same, whoever of the two it knew.
        #expect(try await fixture.desk.queue.job(job.id)?.result == job.result)
        #expect(try await fixture.desk.queue.held(by: "w2", on: fixture.streams).isEmpty)
    }

    @Test func whatOneOfThemPutsBackRunsAgain() async throws {
        let fixture = try await DeskFixture()
        let (first, second) = try await twins(fixture)
        _ = try await fixture.desk.finish(first, as: .retry(.retry("later", type: "x"), afterMilliseconds: 3_600_000))
        #expect(try await fixture.desk.finish(second, as: .completed([:])) == .lost)
        // Its worker does not run it any more, and gives back what it holds.
        _ = try await fixture.desk.handBackUnknown(of: "w2", streams: fixture.streams, running: [])
        let third = try #require(try await fixture.claimed(by: "w2"))
        #expect(third.attempt == 2)
        try await start(third, fixture)
        #expect(try await fixture.desk.finish(third, as: .completed(["n": 3])) == .settled)
        #expect(try await fixture.desk.read(third.job.id).result == ["n": 3])
    }
}
