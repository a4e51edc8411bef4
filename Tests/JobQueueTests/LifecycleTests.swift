import JobModel
import JobQueue
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct LifecycleTests {
    @Test func aJobWalksFromTheDoorToItsEnd() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(claim.job.id == job.id)
        #expect(claim.job.input == job.input)
        #expect(claim.attempt == 1)
        let progress = JobProgress(percent: 40, step: "fetch", message: "page 4")
        #expect(try await fixture.queue.report(JobEvent(.progress), progress: progress, of: claim) == .told)
        #expect(try await fixture.queue.job(job.id)?.progress == 40)
        #expect(try await fixture.queue.settle(claim, as: .completed(["pages_crawled": 3])) == .settled)
        let ended = try #require(try await fixture.queue.job(job.id))
        #expect(ended.state == .completed)
        #expect(ended.result == ["pages_crawled": 3])
        #expect(ended.progress == 100)
    }

    @Test func theEntryIsAcknowledgedAndDeletedTogether() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.pending(.medium) == 1)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await fixture.pending(.medium) == 0)
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test func theRetentionStartsAtTheEnd() async throws {
        let fixture = try await QueueFixture(retentionMilliseconds: 50_000)
        let job = try await fixture.enqueued()
        let key = RedisArgument.string(fixture.queue.keys.job(job.id))
        #expect(try await fixture.redis.command(["TTL", key]).integer == -1)
        let claim = try await fixture.claimed()
        _ = try await fixture.queue.storeStep("a", 1, of: claim)
        _ = try await fixture.queue.report(JobEvent(.log), progress: nil, of: claim)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        for suffix in ["", ":log", ":steps"] {
            let left = try await fixture.redis.command(["PTTL", .string(fixture.queue.keys.job(job.id) + suffix)]).integer ?? 0
            #expect((40_000...50_000).contains(left))
        }
    }

    @Test func acceptingTwiceMakesOneEntry() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job()
        #expect(try await fixture.queue.enqueue(job) == .accepted)
        #expect(try await fixture.queue.enqueue(job) == .exists(.queued))
        #expect(try await fixture.length(.medium) == 1)
    }

    @Test func anIdempotencyKeyDecidesInTheScript() async throws {
        let fixture = try await QueueFixture()
        let first = fixture.job()
        let key = IdempotencyKey(scope: "s", key: "k", fingerprint: "f")
        #expect(try await fixture.queue.enqueue(first, idempotency: key) == .accepted)
        #expect(try await fixture.queue.enqueue(fixture.job(), idempotency: key) == .repeated(first.id))
        let other = IdempotencyKey(scope: "s", key: "k", fingerprint: "g")
        #expect(try await fixture.queue.enqueue(fixture.job(), idempotency: other) == .conflict(first.id))
        let elsewhere = IdempotencyKey(scope: "t", key: "k", fingerprint: "g")
        #expect(try await fixture.queue.enqueue(fixture.job(), idempotency: elsewhere) == .accepted)
    }

    @Test func prioritiesAreClaimedFromHighToLow() async throws {
        let fixture = try await QueueFixture()
        var expected: [JobID] = []
        for priority in JobPriority.allCases.reversed() { expected.insert(try await fixture.enqueued(priority).id, at: 0) }
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == expected)
    }

    @Test func onlyFreeSlotsAreFilled() async throws {
        let fixture = try await QueueFixture()
        for _ in 0..<5 { try await fixture.enqueued() }
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1", count: 2).count == 2)
        #expect(try await fixture.pending(.medium) == 2)
    }

    @Test func aRetryIsScheduledAndQueuedAgainWhenDue() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued(.high)
        let claim = try await fixture.claimed()
        let failure = JobFailure.retry("busy", type: "http_503")
        #expect(try await fixture.queue.settle(claim, as: .retry(failure, afterMilliseconds: 0)) == .settled)
        #expect(try await fixture.queue.job(job.id)?.state == .scheduled)
        #expect(try await fixture.queue.promote().queued == 1)
        let again = try await fixture.claimed()
        #expect(again.attempt == 2)
        #expect(again.stream == fixture.queue.keys.stream("ingest", .high))
    }

    @Test func aScheduledJobWaitsForItsTime() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 3_600_000))
        _ = try await fixture.queue.enqueue(job)
        #expect(try await fixture.queue.promote().queued == 0)
        #expect(try await fixture.length(.medium) == 0)
        _ = try await fixture.redis.command(["ZADD", .string(fixture.queue.keys.scheduled), "1", .string(job.id.description)])
        #expect(try await fixture.queue.promote().queued == 1)
        #expect(try await fixture.queue.job(job.id)?.state == .queued)
    }

    @Test func aDeadLetterIsKeptWithItsReason() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        _ = try await fixture.queue.settle(claim, as: .failed(.permanent("404 Not Found", type: "http_404")))
        let ended = try #require(try await fixture.queue.job(job.id))
        #expect(ended.error == "404 Not Found")
        #expect(ended.errorType == "http_404")
        #expect(try await fixture.redis.command(["ZSCORE", .string(fixture.queue.keys.dead), .string(job.id.description)]).isNull == false)
    }

    @Test func aBlockingReadWakesForANewJob() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let waiter = fixture.queue.waiter()
        let streams = fixture.queue.keys.streams(["ingest"])
        try await waiter.createGroups(streams)
        async let waiting = waiter.wait(as: "w1", on: streams)
        let job = try await fixture.enqueued(.low)
        let entry = try #require(try await waiting.first)
        guard case .claimed(let claimed) = try await fixture.queue.claim(entry, for: "w1") else {
            Issue.record("nothing was claimed")
            return
        }
        #expect(claimed.claims.map(\.job.id) == [job.id])
        await waiter.close()
    }

    @Test func entriesOfSeveralStreamsThatCameAtOnceAreAllGiven() async throws {
        let fixture = try await QueueFixture()
        let waiter = fixture.queue.waiter()
        let streams = fixture.queue.keys.streams(["ingest"])
        try await waiter.createGroups(streams)
        try await fixture.enqueued(.low)
        try await fixture.enqueued(.high)
        let entries = try await waiter.wait(as: "w1", on: streams)
        #expect(entries.map(\.stream) == [StreamLevel.high, .low].map { fixture.queue.keys.stream("ingest", $0) })
        await waiter.close()
    }

    @Test func aLostGroupIsMadeAgainFromTheStart() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.redis.command(["XGROUP", "CREATE", .string(fixture.queue.keys.stream("ingest", .medium)), "workers", "$"])
        _ = try await fixture.redis.command(["XGROUP", "DESTROY", .string(fixture.queue.keys.stream("ingest", .medium)), "workers"])
        #expect(try await fixture.claimed().job.id == job.id)
    }

    @Test func entriesOfOtherProgramsAreHandedOverForAdoption() async throws {
        let fixture = try await QueueFixture()
        let stream = fixture.queue.keys.stream("ingest", .medium)
        _ = try await fixture.redis.command([
            "XADD", .string(stream), "*", "job_id", "abc123", "source_type", "web_crawl", "source_uri", "http://h/", "status", "queued",
        ])
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        guard case .claimed(let claimed) = try await fixture.queue.claim(for: "w1", from: [stream], count: 1) else {
            Issue.record("nothing was claimed")
            return
        }
        #expect(claimed.claims.isEmpty)
        #expect(claimed.foreign.first?.fields["source_uri"] == "http://h/")
        #expect(try await fixture.pending(.medium) == 1)
    }

    @Test func anEntryThatNamesAKeyOfAnotherTypeStopsNobody() async throws {
        let fixture = try await QueueFixture()
        let stream = fixture.queue.keys.stream("ingest", .medium)
        let job = try await fixture.enqueued(.low)
        let entry: [RedisArgument] = ["XADD", .string(stream), "*", "job_id", .string("\(job.id):log")]
        _ = try await fixture.redis.command(entry)
        #expect(try await fixture.claimed().job.id == job.id)
        #expect(try await fixture.length(.medium) == 0)

        _ = try await fixture.redis.command(entry)
        _ = try await fixture.redis.command(["XREADGROUP", "GROUP", "workers", "w2", "STREAMS", .string(stream), ">"])
        for held in try await fixture.queue.held(by: "w2", on: fixture.streams) {
            #expect(try await fixture.queue.release(held, of: "w2", crashed: true) == .released)
        }
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test func anEntryWithoutAHashIsSkipped() async throws {
        let fixture = try await QueueFixture()
        let stream = fixture.queue.keys.stream("ingest", .medium)
        _ = try await fixture.redis.command(["XADD", .string(stream), "*", "job_id", .string(JobID().description), "kind", "web_crawl"])
        let job = try await fixture.enqueued()
        #expect(try await fixture.claimed().job.id == job.id)
        #expect(try await fixture.length(.medium) == 1)
    }
}
