import JobLedger
import JobModel
import JobQueue
import PrivateServers
import RedisWire
import TestServers
import Testing

@testable import JobDesk

@Suite(.timeLimit(.minutes(2))) struct RetryTests {
    private let failure = JobFailure.permanent("It is gone", type: "http_404")

    private func failed(_ kind: String = "web_crawl", _ fixture: DeskFixture) async throws -> Job {
        let job = try await fixture.desk.submit(fixture.request(kind)).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        #expect(try await fixture.desk.finish(claim, as: .failed(failure)) == .settled)
        return job
    }

    @Test(arguments: ["web_crawl", "note"]) func aDeadLetterRunsAgainUnderItsNextNumber(kind: String) async throws {
        let fixture = try await DeskFixture()
        let job = try await failed(kind, fixture)
        let retried = try await fixture.desk.retry(job.id)
        #expect(retried.state == .queued)
        #expect(retried.error == nil)
        #expect(try await fixture.desk.retry(job.id).state == .queued, "a repeated request changes nothing")
        #expect(try await fixture.desk.deadLetters(JobFilter(), below: nil, limit: 10).jobs.isEmpty)
        let claim = try #require(try await fixture.claimed())
        #expect(claim.attempt == 2)
        #expect(claim.job.uncharged == 1, "all attempts of the policy are left")
        _ = try await fixture.desk.start(claim)
        #expect(try await fixture.desk.finish(claim, as: .completed(["n": 1])) == .settled)
        #expect(try await fixture.desk.read(job.id).result == ["n": 1])
        #expect(try await fixture.desk.attempts(of: job.id).attempts.map(\.outcome) == ["failed", "completed"])
        let events = try await fixture.desk.log(of: job.id).compactMap { $0["event"]?.string }
        #expect(events == ["queued", "started", "failed", "retried", "started", "completed"])
    }

    @Test func aRetryThatStoppedBetweenTheStoresIsMended() async throws {
        let fixture = try await DeskFixture()
        let job = try await failed(fixture: fixture)
        #expect(try await fixture.desk.ledger.retry([job.id], at: .now) == [job.id])
        #expect(try await fixture.desk.queue.job(job.id)?.state == .failed)
        #expect(try await fixture.desk.reconcile(olderThan: 0) == 1)
        #expect(try await fixture.desk.reconcile(olderThan: 0) == 0)
        #expect(try await fixture.desk.read(job.id).state == .queued)
        #expect(try await fixture.claimed()?.attempt == 2)
    }

    private func failed(fixture: DeskFixture) async throws -> Job { try await failed("web_crawl", fixture) }

    @Test func whatEndedWhileItWasLookedAtIsNotResumed() async throws {
        let fixture = try await DeskFixture()
        let job = try await failed(fixture: fixture)
        #expect(try await fixture.desk.resumeRetries([job.id]) == 0)
        #expect(try await fixture.desk.queue.job(job.id)?.state == .failed)
    }

    @Test func aJobThatRedisForgotIsMadeOfItsRow() async throws {
        let fixture = try await DeskFixture()
        let job = try await failed(fixture: fixture)
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.retry(job.id).state == .queued)
        let claim = try #require(try await fixture.claimed())
        #expect(claim.job.id == job.id)
        #expect(claim.attempt == 2)
        #expect(claim.job.uncharged == 1)
    }

    @Test func aRetryWithoutRedisIsPromisedByItsRow() async throws {
        let redis = try await TestRedis.own(persistent: true)
        let fixture = try await DeskFixture(redis: redis)
        let job = try await failed(fixture: fixture)
        redis.kill()
        _ = await redis.exit()
        #expect(try await fixture.desk.retry(job.id).state == .queued)
        try await redis.restart()
        try await eventually(within: .seconds(15)) { (try? await fixture.desk.reconcile(olderThan: 0)) == 1 }
        #expect(try await fixture.claimed()?.attempt == 2)
    }

    @Test func onlyWhatFailedOrWasCancelledIsRetried() async throws {
        let fixture = try await DeskFixture()
        let done = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        _ = try await fixture.desk.finish(claim, as: .completed([:]))
        let refusal = await #expect(throws: DeskError.self) { try await fixture.desk.retry(done.id) }
        guard case .notRetryable = refusal else {
            Issue.record("a completed job was retried")
            return
        }
        let cancelled = try await fixture.desk.submit(fixture.request()).job
        _ = try await fixture.desk.cancel(cancelled.id)
        #expect(try await fixture.desk.retry(cancelled.id).state == .queued)
        #expect(try await fixture.claimed()?.job.id == cancelled.id)
        let unknown = await #expect(throws: DeskError.self) { try await fixture.desk.retry(JobID()) }
        guard case .notFound = unknown else {
            Issue.record("an unknown job was retried")
            return
        }
        let note = try await failed("note", fixture)
        try await fixture.forgetRedis()
        await #expect(throws: DeskError.self) { try await fixture.desk.retry(note.id) }
    }

    @Test func manyAreRetriedAndOthersAreNot() async throws {
        let fixture = try await DeskFixture()
        for _ in 0..<3 { _ = try await failed(fixture: fixture) }
        for _ in 0..<2 { _ = try await failed("note", fixture) }
        var filter = JobFilter()
        filter.errorType = "other"
        #expect(try await fixture.desk.countDeadLetters(filter) == 0)
        filter.errorType = "http_404"
        filter.kinds = ["web_crawl"]
        #expect(try await fixture.desk.countDeadLetters(filter) == 3)
        #expect(try await fixture.desk.retryDeadLetters(filter) == BulkRetry(retried: 3, remaining: 0))
        filter.kinds = []
        #expect(try await fixture.desk.countDeadLetters(filter) == 2)
        #expect(try await fixture.desk.retryDeadLetters(filter) == BulkRetry(retried: 2, remaining: 0))
        var numbers: [Int] = []
        while let claim = try await fixture.claimed() { numbers.append(claim.attempt) }
        #expect(numbers == [2, 2, 2, 2, 2])
    }
}
