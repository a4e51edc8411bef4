import JobModel
import JobQueue
import RedisWire
import Testing

/// What a settlement tells the watchers, and what it leaves behind.
@Suite(.timeLimit(.minutes(1))) struct SettleTests {
    private let busy = JobFailure.retry("It is busy", type: "busy")

    @Test func watchersAreToldWhatBecomesOfTheJob() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let watch = try await fixture.queue.watch(job.id, after: nil)
        async let told = watch.reduce(into: [WatchedEvent]()) { $0.append($1) }
        _ = try await fixture.queue.settle(fixture.claimed(), as: .retry(busy, afterMilliseconds: 0))
        _ = try await fixture.queue.promote()
        _ = try await fixture.queue.settle(fixture.claimed(), as: .handBack)
        _ = try await fixture.queue.settle(fixture.claimed(), as: .failed(.permanent("It is gone", type: "http_404")))
        let events = try await told
        #expect(events.map(\.name) == ["queued", "started", "retrying", "queued", "started", "queued", "started", "failed"])
        let documents = try events.map { try JSONReader.read($0.json) }
        guard documents.count == 8 else { return }
        #expect(documents[2]["error"] == "It is busy" && documents[2]["error_type"] == "busy" && documents[2]["status"] == "scheduled")
        #expect(documents[2]["scheduled_at"] != nil && documents[2]["attempt"] == 1)
        #expect(documents[5]["error"] == nil && documents[5]["attempt"] == 2)
        #expect(documents[7]["error"] == "It is gone" && documents[7]["error_type"] == "http_404" && documents[7]["attempt"] == 3)
    }

    @Test func watchersAreToldWhichAttemptCompletedAndWhatItFound() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let watch = try await fixture.queue.watch(job.id, after: nil)
        async let told = watch.reduce(into: [WatchedEvent]()) { $0.append($1) }
        _ = try await fixture.queue.settle(fixture.claimed(), as: .handBack)
        _ = try await fixture.queue.settle(fixture.claimed(), as: .completed(["pages": 3]))
        let last = try #require(try await told.last)
        #expect(last.name == "completed" && last.sequence == 5)
        let document = try JSONReader.read(last.json)
        #expect(document["attempt"] == 2 && document["progress"] == 100 && document["result"] == ["pages": 3])
        #expect(document["status"] == "completed" && document["timestamp"] != nil)
    }

    @Test func aClaimWhoseJobIsGoneLeavesNoEntry() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.job(claim.job.id))])
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .lost)
        #expect(try await fixture.pending(.medium) == 0)
        #expect(try await fixture.length(.medium) == 0)
    }

    /// Redis was started from an older file: the job waits again for an entry that a worker has claimed in the meantime.
    @Test func aSettlementOfAJobThatWaitsAgainLeavesItsEntry() async throws {
        let fixture = try await QueueFixture()
        let job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: ["a": 1])
        _ = try await fixture.queue.enqueue(job)
        let before = try #require(try await fixture.field("entry", of: job.id))
        #expect(before.hasPrefix("+"), "a plain job")
        let claim = try await fixture.claimed()
        let hash = RedisArgument.string(fixture.queue.keys.job(job.id))
        _ = try await fixture.redis.command(["HSET", hash, "status", "queued", "entry", .string(before)])
        _ = try await fixture.redis.command(["HDEL", hash, "lease", "started_at"])
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .lost)
        #expect(try await fixture.length(.medium) == 1)
    }

    @Test func anEntryWhoseJobRunsByAnotherOneGoes() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let hash = RedisArgument.string(fixture.queue.keys.job(job.id))
        _ = try await fixture.redis.command(["HSET", hash, "entry", "high:1-1", "lease", "w2:2", "attempt", "2"])
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .lost)
        #expect(try await fixture.pending(.medium) == 0)
        #expect(try await fixture.length(.medium) == 0)
        #expect(try await fixture.field("status", of: job.id) == "processing")
    }

    @Test func deadLettersAreListedAsLongAsTheyAreKept() async throws {
        let fixture = try await QueueFixture(retentionMilliseconds: 60_000)
        let dead = RedisArgument.string(fixture.queue.keys.dead)
        for secondsAgo in [61, 30] as [Int64] {
            let then = Timestamp.now.advanced(byMilliseconds: -1000 * secondsAgo).milliseconds
            _ = try await fixture.redis.command(["ZADD", dead, .integer(then), .string(JobID().description)])
        }
        let job = try await fixture.enqueued()
        let begin = Timestamp.now.milliseconds
        _ = try await fixture.queue.settle(fixture.claimed(), as: .failed(.permanent("It is gone", type: "http_404")))
        let listed = try await fixture.redis.command(["ZSCORE", dead, .string(job.id.description)]).string.flatMap(Double.init)
        #expect(listed ?? 0 >= Double(begin))
        #expect(try await fixture.redis.command(["ZCARD", dead]).integer == 2)
    }

    @Test func stepsOfAnAttemptThatToldNothingGoWithTheJob() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.storeStep("fetch", 1, of: claim) == .stored)
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
        let left = try await fixture.redis.command(["PTTL", .string(fixture.queue.keys.steps(claim.job.id))]).integer
        #expect(left ?? -1 > 0)
    }

    /// Plain, and with something beside its kind and input: their ends are written in different ways.
    private func jobs(_ fixture: QueueFixture) -> [Job] {
        [Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: [:], isRecorded: false), fixture.job()]
    }

    @Test(arguments: [
        JobOutcome.completed([:]), .failed(.permanent("It is gone", type: "http_404")), .cancelled(.cancelled),
    ]) func theMomentOfAnEndIsKeptUnderItsName(outcome: JobOutcome) async throws {
        let fixture = try await QueueFixture()
        let names = outcome.state == .failed ? ["failed_at", "completed_at"] : ["completed_at", "failed_at"]
        for job in jobs(fixture) {
            _ = try await fixture.queue.enqueue(job)
            let claim = try await fixture.claimed()
            let begin = Timestamp.now.milliseconds
            #expect(try await fixture.queue.settle(claim, as: outcome) == .settled)
            let end = Timestamp.now.milliseconds
            let kept = try await fixture.field(names[0], of: job.id).flatMap { Int64($0) }
            #expect((begin...end).contains(kept ?? 0), "\(names[0])")
            #expect(try await fixture.field(names[1], of: job.id) == nil, "\(names[1])")
            #expect(try await fixture.queue.job(job.id)?.finishedAt?.milliseconds == kept)
        }
    }

    @Test func aRetryRemembersItsErrorAndWhenItIsDue() async throws {
        let fixture = try await QueueFixture()
        for job in jobs(fixture) {
            _ = try await fixture.queue.enqueue(job)
            _ = try await fixture.queue.settle(fixture.claimed(), as: .retry(busy, afterMilliseconds: 60_000))
            let after = try #require(try await fixture.queue.job(job.id))
            #expect(after.state == .scheduled && after.error == "It is busy" && after.errorType == "busy")
            let member = RedisArgument.string(job.id.description)
            let due = try await fixture.redis.command(["ZSCORE", .string(fixture.queue.keys.scheduled), member]).string.flatMap(Double.init)
            #expect(after.scheduledAt.map { Double($0.milliseconds) } == due)
            #expect(due ?? 0 > Double(Timestamp.now.milliseconds))
            #expect(try await fixture.field("entry", of: job.id) == "", "it has no place among those that wait")
        }
        let stats = try await fixture.redis.command(["HGETALL", .string(fixture.queue.keys.stats("ingest"))]).fields ?? [:]
        #expect(stats == ["accepted": "2", "retried": "2"])
    }

    @Test(arguments: [
        JobOutcome.retry(.retry("It is busy", type: "busy"), afterMilliseconds: 60_000), .handBack,
    ]) func whoComesBackNamesNoPermitThatWasGivenBack(outcome: JobOutcome) async throws {
        let fixture = try await QueueFixture()
        try await fixture.queue.setLimits([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.field("permits", of: job.id) == "kind:web_crawl")
        #expect(try await fixture.queue.settle(claim, as: outcome) == .settled)
        #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.permits("kind:web_crawl"))]).integer == 0)
        #expect(try await fixture.field("permits", of: job.id) == "")
    }

    @Test func theEndOfAJobThatToldMoreIsNumbered() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        _ = try await fixture.queue.report(JobEvent(.log), progress: nil, of: claim)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await fixture.queue.job(job.id)?.sequence == 4)
    }
}
