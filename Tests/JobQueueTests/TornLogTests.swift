import JobModel
import JobQueue
import RedisWire
import Testing

/// Redis 7.0 can apply the first half of a script after a torn append-only file: every prefix of every script's writes must be harmless.
@Suite(.timeLimit(.minutes(1))) struct TornLogTests {
    @Test func anEnqueueCutAfterTheEntryCanBeRepeated() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job()
        let stream = fixture.queue.keys.stream("ingest", .medium)
        _ = try await fixture.redis.command(["XADD", .string(stream), "*", "job_id", .string(job.id.description), "kind", "web_crawl"])
        #expect(try await fixture.queue.enqueue(job) == .accepted)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1", count: 5).count == 1)
        #expect(try await fixture.length(.medium) == 1)
    }

    @Test func aSettleCutAfterTheHashIsOnlyAcknowledged() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        _ = try await fixture.redis.command([
            "HSET", .string(fixture.queue.keys.job(job.id)), "status", "completed", "lease", "", "settled_by", .string(claim.lease),
        ])
        let held = try await fixture.queue.held(by: "w1", on: fixture.streams)
        #expect(held.count == 1)
        #expect(try await fixture.queue.release(held[0], of: "w1", crashed: true) == .released)
        #expect(try await fixture.length(.medium) == 0)
        #expect(try await fixture.length(.suspect) == 0)
        #expect(try await fixture.queue.job(job.id)?.state == .completed)
    }

    @Test func anEndedJobThatWasCutBeforeItsExpiryDoesNotStayForEver() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.redis.command(["HSET", .string(fixture.queue.keys.job(job.id)), "status", "completed"])
        #expect(try await fixture.queue.repair() == 0)
        let left = try #require(try await fixture.redis.command(["PTTL", .string(fixture.queue.keys.job(job.id))]).integer)
        #expect(0...60_000 ~= left)
    }

    @Test func aPromoteCutAfterTheEntryIsRepeated() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 60_000))
        _ = try await fixture.queue.enqueue(job)
        _ = try await fixture.redis.command(["ZADD", .string(fixture.queue.keys.scheduled), "1", .string(job.id.description)])
        let stream = fixture.queue.keys.stream("ingest", .medium)
        _ = try await fixture.redis.command(["XADD", .string(stream), "*", "job_id", .string(job.id.description), "kind", "web_crawl"])
        #expect(try await fixture.queue.promote().queued == 1)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1", count: 5).count == 1)
    }

    @Test func aQueuedJobWithoutAnEntryIsMended() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let (_, entry) = try #require(try await fixture.field("entry", of: job.id).flatMap(Keys.entry))
        _ = try await fixture.redis.command(["XDEL", .string(fixture.queue.keys.stream("ingest", .medium)), .string(entry)])
        #expect(try await fixture.queue.repair() == 1)
        #expect(try await fixture.queue.repair() == 0)
        #expect(try await fixture.claimed().job.id == job.id)
    }

    @Test func aRunningJobWhoseEntryAndWorkerAreGoneIsMended() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed(by: "w1")
        try await fixture.queue.discard(stream: claim.stream, entry: claim.entry)
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.worker("w1"))])
        #expect(try await fixture.queue.repair() == 1)
        try await isRecovered(job, from: "w1", fixture)
    }

    /// Redis applies the torn half of a script at its second start, before what was written since.
    @Test func aJobWhoseEntryCameBackBehindWhatWasReadIsQueuedAgain() async throws {
        let fixture = try await QueueFixture()
        let running = try await fixture.enqueued()
        _ = try await fixture.claimed()
        let job = try await fixture.enqueued()
        try await fixture.pass(.medium)
        #expect(try await fixture.claims(by: "w1").isEmpty, "the group gives it to nobody")
        #expect(try await fixture.queue.mendPassed(fixture.streams) == 1)
        #expect(try await fixture.queue.mendPassed(fixture.streams) == 0)
        #expect(try await fixture.claimed().job.id == job.id)
        #expect(try await fixture.field("status", of: running.id) == "processing")
        #expect(try await fixture.length(.medium) == 2)
    }

    @Test func anEntryOfNoJobThatWasPassedGoes() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        _ = try await fixture.claimed()
        let stream = fixture.queue.keys.stream("ingest", .medium)
        let stray: [RedisArgument] = ["XADD", .string(stream), "*", "job_id", .string(JobID().description), "kind", "web_crawl"]
        for _ in 0..<450 { _ = try await fixture.redis.command(stray) }
        try await fixture.pass(.medium)
        #expect(try await fixture.queue.mendPassed(fixture.streams) == 450)
        #expect(try await fixture.length(.medium) == 1)
        #expect(try await fixture.pending(.medium) == 1)
    }

    @Test func aRunningJobWhoseEntryNobodyHoldsIsQueuedAgainWhenItsWorkerIsGone() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed(by: "w1")
        _ = try await fixture.redis.command(["XACK", .string(claim.stream), "workers", .string(claim.entry)])
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.worker("w1"))])
        #expect(try await fixture.queue.mendPassed(fixture.streams) == 1)
        #expect(try await fixture.queue.mendPassed(fixture.streams) == 0)
        try await isRecovered(job, from: "w1", fixture)
    }

    /// A reaper finds it with the worker that ran it.
    private func isRecovered(_ job: Job, from worker: String, _ fixture: QueueFixture) async throws {
        #expect(try await fixture.queue.observe(fixture.streams).contains { $0.worker == worker && $0.entriesHeld == 1 })
        let held = try #require(try await fixture.queue.held(by: worker, on: fixture.streams).first)
        #expect(try await fixture.queue.release(held, of: worker, crashed: true) == .released)
        let again = try await fixture.claimed(by: "w2", from: [.suspect])
        #expect(again.job.id == job.id && again.attempt == 2)
    }

    @Test func aScheduledJobWithoutADueTimeIsMended() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 60_000))
        _ = try await fixture.queue.enqueue(job)
        _ = try await fixture.redis.command(["ZREM", .string(fixture.queue.keys.scheduled), .string(job.id.description)])
        #expect(try await fixture.queue.repair() == 1)
        let due = try await fixture.redis.command(["ZSCORE", .string(fixture.queue.keys.scheduled), .string(job.id.description)])
        #expect(due.string.flatMap(Double.init).map { Int64($0) } == job.scheduledAt?.milliseconds)
    }
}

extension QueueFixture {
    /// Makes the group believe that it has given out all there is.
    fileprivate func pass(_ level: StreamLevel) async throws {
        _ = try await redis.command(["XGROUP", "SETID", .string(queue.keys.stream("ingest", level)), "workers", "$"])
    }
}
