import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import PrivateServers
import RedisWire
import TestServers
import Testing

/// Finished steps over crashes of either store.
@Suite(.timeLimit(.minutes(1))) struct StepTests {
    private func started(_ fixture: DeskFixture, _ kind: String = "web_crawl") async throws -> Claim {
        _ = try await fixture.desk.submit(fixture.request(kind))
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        return claim
    }

    private func next(_ claim: Claim) -> Claim {
        Claim(job: claim.job, attempt: claim.attempt + 1, worker: "w2", stream: claim.stream, entry: claim.entry)
    }

    @Test func aStepSurvivesTheLossOfRedis() async throws {
        let fixture = try await DeskFixture()
        let claim = try await started(fixture)
        #expect(await AttemptSteps(of: claim, desk: fixture.desk).store(["n": [1, 2.5, "é"]], of: "fetch") == .stored)
        try await fixture.forgetRedis()
        let later = AttemptSteps(of: next(claim), desk: fixture.desk)
        #expect(await later.result(of: "fetch") == ["n": [1, 2.5, "é"]])
        #expect(await later.result(of: "other") == nil)
    }

    @Test func aFirstAttemptAsksSQLNothing() async throws {
        let fixture = try await DeskFixture()
        let claim = try await started(fixture)
        #expect(try await fixture.desk.ledger.storeStep("fetch", 1, of: claim))
        #expect(await AttemptSteps(of: claim, desk: fixture.desk).result(of: "fetch") == nil)
        #expect(await AttemptSteps(of: next(claim), desk: fixture.desk).result(of: "fetch") == 1)
    }

    @Test func anAttemptThatSQLHasShutOutIsLostThere() async throws {
        let fixture = try await DeskFixture()
        let claim = try await started(fixture)
        try await fixture.desk.ledger.fence([(claim.job.id, 1)])
        #expect(await AttemptSteps(of: claim, desk: fixture.desk).store(1, of: "late") == .lost)
        #expect(try await fixture.desk.ledger.stepNames(of: claim.job.id).isEmpty)
        let second = next(claim)
        #expect(try await fixture.desk.ledger.storeStep("own", 2, of: second))
        #expect(try await fixture.desk.ledger.storeStep("own", 9, of: next(second)))
        #expect(try await fixture.desk.ledger.storeStep("own", 3, of: second), "it may still end the job")
        #expect(try await fixture.desk.ledger.step("own", of: claim.job.id) == 9, "but a later attempt's result stays")
        #expect(try await fixture.desk.ledger.record(.completed([:]), of: second, at: .now) == .recorded)
        #expect(try await fixture.desk.ledger.storeStep("after", 3, of: second) == false)
        #expect(try await fixture.desk.ledger.stepNames(of: claim.job.id) == ["own"])
    }

    @Test func withoutPostgreSQLRedisKeepsTheStep() async throws {
        let server = try await TestPostgres.own()
        let fixture = try await DeskFixture(postgres: server.url)
        let claim = try await started(fixture)
        server.kill()
        _ = await server.exit()
        #expect(await AttemptSteps(of: claim, desk: fixture.desk).store(7, of: "fetch") == .stored)
        #expect(await AttemptSteps(of: next(claim), desk: fixture.desk).result(of: "fetch") == 7)
        await server.stop()
    }

    @Test func stepsOfUnrecordedJobsStayInRedis() async throws {
        let fixture = try await DeskFixture()
        let claim = try await started(fixture, "note")
        #expect(await AttemptSteps(of: claim, desk: fixture.desk).store(1, of: "a") == .stored)
        #expect(try await fixture.desk.ledger.stepNames(of: claim.job.id).isEmpty)
        #expect(await AttemptSteps(of: next(claim), desk: fixture.desk).result(of: "a") == 1)
    }

    @Test func aJobMayKeepSoManyStepsAndBytesAndNoMore() async throws {
        let fixture = try await DeskFixture()
        let claim = try await started(fixture)
        let queue = fixture.desk.queue
        let few = StepLimits(count: 2, bytes: 10)
        #expect(try await queue.storeStep("a", 1234, of: claim, limits: few) == .stored)
        #expect(try await queue.storeStep("b", 12_345_678, of: claim, limits: few) == .full, "4 + 8 bytes are more than 10")
        #expect(try await queue.storeStep("b", 12, of: claim, limits: few) == .stored)
        #expect(try await queue.storeStep("c", 1, of: claim, limits: few) == .full, "there are two")
        #expect(try await queue.storeStep("a", 12_345_678, of: claim, limits: few) == .stored, "in place of 4 bytes")
    }
}
