import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct UniqueTests {
    private func request(
        _ fixture: DeskFixture, _ span: Uniqueness.Span, kind: String = "web_crawl", key: String = "k", idempotency: String? = nil
    ) -> JobRequest {
        var request = fixture.request(kind, key: idempotency)
        request.uniqueness = Uniqueness(key: key, span: span)
        return request
    }

    @Test(arguments: ["web_crawl", "note"])
    func twentyAtOnceMakeOneJob(kind: String) async throws {
        let fixture = try await DeskFixture()
        let answers = try await withThrowingTaskGroup(of: Submission.self) { group in
            for _ in 0..<20 { group.addTask { try await fixture.desk.submit(request(fixture, .whileActive, kind: kind)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(answers.map(\.job.id)).count == 1)
        #expect(answers.count { $0.novelty == .new } == 1)
        #expect(answers.count { $0.novelty == .duplicate } == 19)
    }

    @Test func keysOfOtherKindsAndOtherKeysDoNotMeet() async throws {
        let fixture = try await DeskFixture()
        for request in [
            request(fixture, .whileActive), request(fixture, .whileActive, key: "other"), request(fixture, .whileActive, kind: "note"),
        ] { #expect(try await fixture.desk.submit(request).novelty == .new) }
    }

    @Test func whileQueuedEndsWithTheStart() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(request(fixture, .whileQueued)).job
        #expect(try await fixture.desk.submit(request(fixture, .whileQueued)).job.id == first.id)
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        #expect(try await fixture.desk.submit(request(fixture, .whileQueued)).novelty == .new)
    }

    @Test func whileActiveEndsWithTheJob() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(request(fixture, .whileActive)).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        #expect(try await fixture.desk.submit(request(fixture, .whileActive)).job.id == first.id)
        _ = try await fixture.desk.finish(claim, as: .completed([:]))
        #expect(try await fixture.desk.submit(request(fixture, .whileActive)).novelty == .new)
    }

    @Test func aWindowOutlivesTheJob() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(request(fixture, .window(milliseconds: 3_600_000))).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        _ = try await fixture.desk.finish(claim, as: .completed([:]))
        let again = try await fixture.desk.submit(request(fixture, .window(milliseconds: 3_600_000)))
        #expect(again.job.id == first.id)
        #expect(again.job.state == .completed)
        try await fixture.forgetRedis()
        #expect(
            try await fixture.desk.submit(request(fixture, .window(milliseconds: 3_600_000))).job.id == first.id, "the row knows it too")
    }

    @Test func aLossOfRedisLetsNoSecondOneIn() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(request(fixture, .whileActive)).job
        try await fixture.forgetRedis()
        let second = try await fixture.desk.submit(request(fixture, .whileActive))
        #expect(second.job.id == first.id)
        let key = RedisArgument.string(fixture.desk.queue.keys.unique("web_crawl", "k"))
        #expect(try await fixture.redis.command(["GET", key]).isNull, "the refused one keeps nothing")
    }

    @Test func aRepeatedRequestIsAReplayAndHoldsNoKey() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(request(fixture, .whileQueued, idempotency: "i")).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        let again = try await fixture.desk.submit(request(fixture, .whileQueued, idempotency: "i"))
        #expect(again.novelty == .replay)
        #expect(again.job.id == first.id)
        #expect(try await fixture.desk.submit(request(fixture, .whileQueued)).novelty == .new)
    }

    @Test(arguments: ["web_crawl", "note"]) func aRetriedJobTakesItsKeyAgainUnlessAnotherHasIt(kind: String) async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(request(fixture, .whileActive, kind: kind)).job
        _ = try await fixture.desk.cancel(first.id)
        _ = try await fixture.desk.retry(first.id)
        let second = try await fixture.desk.submit(request(fixture, .whileActive, kind: kind))
        #expect(second.job.id == first.id, "it lives again, and so does its key")
        #expect(second.novelty == .duplicate)
        _ = try await fixture.desk.cancel(first.id)
        let third = try await fixture.desk.submit(request(fixture, .whileActive, kind: kind)).job
        #expect(third.id != first.id)
        _ = try await fixture.desk.retry(first.id)
        _ = try await fixture.desk.cancel(first.id)
        let key = fixture.desk.queue.keys.unique(kind, "k")
        #expect(try await fixture.redis.command(["GET", .string(key)]).string == third.id.description, "the key stays where it is")
    }

    @Test func inABatchTheFirstOfAKeyComesFirst() async throws {
        let fixture = try await DeskFixture()
        let before = try await fixture.desk.submit(request(fixture, .whileActive, key: "old")).job
        let requests = [
            request(fixture, .whileActive, key: "a"), request(fixture, .whileActive, key: "old"), fixture.request(),
            request(fixture, .whileActive, key: "a"), request(fixture, .whileActive, kind: "note", key: "a"),
            request(fixture, .whileActive, kind: "note", key: "a"),
        ]
        let answers = try await fixture.desk.submit(requests).map { try $0.get() }
        #expect(answers.map(\.novelty) == [.new, .duplicate, .new, .duplicate, .new, .duplicate])
        #expect(answers[1].job.id == before.id)
        #expect(answers[3].job.id == answers[0].job.id)
        #expect(answers[5].job.id == answers[4].job.id)
    }
}
