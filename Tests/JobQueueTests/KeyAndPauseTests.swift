import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// Unique keys, pauses, new attempt series, batches, and the share of the lowest priority.
@Suite struct KeyAndPauseTests {
    private func unique(_ fixture: QueueFixture, _ span: Uniqueness.Span, recorded: Bool = false) -> Job {
        var job = fixture.job()
        job.isRecorded = recorded
        job.uniqueness = Uniqueness(key: "k", span: span)
        return job
    }

    @Test func aSecondActiveJobOfAKeyIsAnsweredWithTheFirst() async throws {
        let fixture = try await QueueFixture()
        let first = unique(fixture, .whileActive)
        #expect(try await fixture.queue.enqueue(first) == .accepted)
        #expect(try await fixture.queue.enqueue(unique(fixture, .whileActive)) == .duplicate(first.id))
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.enqueue(unique(fixture, .whileActive)) == .duplicate(first.id))
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await fixture.queue.enqueue(unique(fixture, .whileActive)) == .accepted)
    }

    @Test func aQueuedKeyIsFreeOnceTheJobStarts() async throws {
        let fixture = try await QueueFixture()
        let first = unique(fixture, .whileQueued)
        #expect(try await fixture.queue.enqueue(first) == .accepted)
        #expect(try await fixture.queue.enqueue(unique(fixture, .whileQueued)) == .duplicate(first.id))
        _ = try await fixture.claimed()
        #expect(try await fixture.queue.enqueue(unique(fixture, .whileQueued)) == .accepted)
    }

    @Test func aWindowEndsByItself() async throws {
        let fixture = try await QueueFixture()
        let first = unique(fixture, .window(milliseconds: 60_000))
        #expect(try await fixture.queue.enqueue(first) == .accepted)
        _ = try await fixture.queue.settle(fixture.claimed(), as: .completed([:]))
        #expect(try await fixture.queue.enqueue(unique(fixture, .window(milliseconds: 60_000))) == .duplicate(first.id))
        let key = fixture.queue.keys.unique("web_crawl", "k")
        let left = try await fixture.redis.command(["PTTL", .string(key)]).integer ?? 0
        #expect((1...60_000).contains(left))
        _ = try await fixture.redis.command(["PEXPIRE", .string(key), 1])
        try await eventually { try await fixture.queue.enqueue(unique(fixture, .window(milliseconds: 60_000))) == .accepted }
    }

    @Test func twoOfOneKeyInABatchAreOne() async throws {
        let fixture = try await QueueFixture()
        let first = unique(fixture, .whileActive)
        #expect(
            try await fixture.queue.enqueue([first, unique(fixture, .whileActive), fixture.job(), first])
                == [.accepted, .duplicate(first.id), .accepted, .exists(.queued)])
        #expect(try await fixture.length(.medium) == 2)
    }

    @Test func aReservedKeyIsHeldUntilTheJobComes() async throws {
        let fixture = try await QueueFixture()
        let first = unique(fixture, .whileActive, recorded: true)
        #expect(try await fixture.queue.reserveUnique(first) == nil)
        #expect(try await fixture.queue.reserveUnique(unique(fixture, .whileActive, recorded: true)) == first.id)
        #expect(try await fixture.queue.enqueue(first) == .accepted)
        #expect(try await fixture.redis.command(["PTTL", .string(fixture.queue.keys.unique("web_crawl", "k"))]).integer == -1)
        _ = try await fixture.queue.endUnclaimed(first.id, because: .cancelled)
        #expect(try await fixture.queue.reserveUnique(unique(fixture, .whileActive, recorded: true)) == nil)
    }

    @Test func aPausedQueueGivesNothingUntilItIsResumed() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        try await fixture.queue.pause("ingest")
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1").isEmpty)
        #expect(try await fixture.queue.pausedQueues() == ["ingest"])
        try await fixture.queue.resume("ingest")
        #expect(try await fixture.claimed().job.id == job.id)
    }

    @Test func anEntryDeliveredWhileTheQueueIsPausedGoesBack() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let waiter = fixture.queue.waiter()
        let streams = fixture.queue.keys.streams(["ingest"])
        try await waiter.createGroups(streams)
        let job = try await fixture.enqueued()
        let entry = try #require(try await waiter.wait(as: "w1", on: streams).first)
        try await fixture.queue.pause("ingest")
        guard case .claimed(let claimed) = try await fixture.queue.claim(entry, for: "w1") else { throw Unexpected(what: "no claim") }
        #expect(claimed.claims.isEmpty)
        #expect(claimed.paused == ["ingest"])
        #expect(try await fixture.pending(.medium) == 0)
        try await fixture.queue.resume("ingest")
        #expect(try await fixture.claimed().job.id == job.id)
        await waiter.close()
    }

    @Test func retryOpensANewSeriesAndTheHistoryIsWhole() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.queue.settle(fixture.claimed(), as: .failed(.permanent("no", type: "x")))
        #expect(try await fixture.redis.command(["ZSCORE", .string(fixture.queue.keys.dead), .string(job.id.description)]).isNull == false)
        #expect(try await fixture.queue.retry(job))
        #expect(try await fixture.queue.retry(job) == false, "it is not at its end any more")
        #expect(try await fixture.redis.command(["ZSCORE", .string(fixture.queue.keys.dead), .string(job.id.description)]).isNull)
        #expect(try await fixture.redis.command(["PTTL", .string(fixture.queue.keys.job(job.id))]).integer == -1)
        let claim = try await fixture.claimed()
        #expect(claim.attempt == 2)
        #expect(claim.job.uncharged == 1)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        let history = try #require(try await fixture.queue.history(of: job.id))
        #expect(history.events.map(\.name) == ["queued", "started", "failed", "retried", "started", "completed"])
        #expect(history.events.map(\.sequence) == (1...6).map { Int64($0) })
    }

    @Test func aRetriedJobRemembersNeitherItsCancelNorItsError() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let first = try await fixture.claimed()
        _ = try await fixture.queue.requestCancel(job.id)
        _ = try await fixture.queue.settle(first, as: .cancelled(.cancelled))
        #expect(try await fixture.queue.retry(job))
        let again = try #require(try await fixture.queue.job(job.id))
        #expect(again.state == .queued && again.error == nil && again.errorType == nil && again.finishedAt == nil)
        #expect(try await fixture.queue.report(JobEvent(.log), progress: nil, of: fixture.claimed()) == .told)
        #expect(try await fixture.redis.command(["HGET", .string(fixture.queue.keys.stats("ingest")), "retried"]).string == "1")
    }

    @Test func retryOfAForgottenJobMakesItAnew() async throws {
        let fixture = try await QueueFixture()
        var job = fixture.job()
        job.attempt = 3
        job.uncharged = 3
        #expect(try await fixture.queue.retry(job))
        #expect(try await fixture.claimed().attempt == 4)
    }

    @Test func oneScheduledJobCanBePromoted() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 3_600_000))
        _ = try await fixture.queue.enqueue(job)
        #expect(try await fixture.queue.promote(job.id) == .scheduled)
        #expect(try await fixture.queue.promote(job.id) == .queued)
        #expect(try await fixture.queue.promote(JobID()) == nil)
        #expect(try await fixture.claimed().job.id == job.id)
    }

    @Test func aWaitingJobIsQueuedOnceItIsReady() async throws {
        let fixture = try await QueueFixture()
        var job = fixture.job()
        job.state = .waiting
        #expect(try await fixture.queue.enqueue(job) == .accepted)
        #expect(try await fixture.queue.job(job.id)?.state == .waiting)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1").isEmpty)
        #expect(try await fixture.queue.ready(job))
        #expect(try await fixture.queue.ready(job) == false)
        #expect(try await fixture.claimed().job.id == job.id)
        #expect(try await fixture.queue.history(of: job.id)?.events.map(\.name) == ["waiting", "queued", "started"])
    }

    @Test func theLowestPriorityGetsItsShareOfABusyQueue() async throws {
        let fixture = try await QueueFixture()
        for _ in 0..<30 { try await fixture.enqueued(.high) }
        for _ in 0..<5 { try await fixture.enqueued(.low) }
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let streams = fixture.queue.keys.streams(["ingest"])
        guard case .claimed(let strict) = try await fixture.queue.claim(for: "w1", from: streams, count: 10),
            case .claimed(let shared) = try await fixture.queue.claim(for: "w1", from: streams, count: 10, lowestFirst: 2)
        else { throw Unexpected(what: "no claim") }
        #expect(strict.claims.allSatisfy { $0.job.priority == .high })
        #expect(shared.claims.filter { $0.job.priority == .low }.count == 2)
        #expect(shared.claims.count == 10)
    }
}
