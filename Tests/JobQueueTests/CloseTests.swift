import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// Jobs that SQL has ended, closed in Redis.
@Suite(.timeLimit(.minutes(1))) struct CloseTests {
    private func ended(_ job: Job, _ state: JobState) -> Job {
        var row = job
        row.state = state
        row.finishedAt = Timestamp(milliseconds: 1_900_000_000_000)
        row.error = state == .completed ? nil : "It is gone"
        row.errorType = state == .completed ? nil : "http_404"
        row.result = state == .completed ? ["n": 1] : nil
        return row
    }

    private func score(_ id: JobID, in key: String, _ fixture: QueueFixture) async throws -> String? {
        try await fixture.redis.command(["ZSCORE", .string(key), .string(id.description)]).string
    }

    @Test(arguments: [JobState.completed, .failed, .cancelled]) func aClosedJobIsAsItsRowSays(_ state: JobState) async throws {
        let fixture = try await QueueFixture()
        let keys = fixture.queue.keys
        let job = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 60_000))
        _ = try await fixture.queue.enqueue(job)
        #expect(try await fixture.queue.close(ended(job, state)))
        #expect(try await fixture.queue.close(ended(job, state)) == false, "it has ended")
        #expect(try await fixture.queue.close(ended(fixture.job(), state)) == false, "nobody knows it")
        let found = try #require(try await fixture.queue.job(job.id))
        #expect(found.state == state && found.error == ended(job, state).error && found.result == ended(job, state).result)
        #expect(found.finishedAt?.milliseconds == 1_900_000_000_000)
        #expect(try await score(job.id, in: keys.scheduled, fixture) == nil)
        #expect(try await score(job.id, in: keys.active, fixture) == nil)
        #expect((try await score(job.id, in: keys.dead, fixture) != nil) == (state == .failed))
        #expect(try await fixture.redis.command(["HGET", .string(keys.stats("ingest")), .string(state.rawValue)]).string == "1")
        #expect(try await fixture.redis.command(["PTTL", .string(keys.job(job.id))]).integer ?? -1 > 0)
        #expect(try await fixture.queue.history(of: job.id)?.events.last?.name == state.rawValue)
    }

    @Test(arguments: [Uniqueness.Span.whileQueued, .whileActive]) func aClosedJobGivesItsUniqueKeyAway(_ span: Uniqueness.Span) async throws
    {
        let fixture = try await QueueFixture()
        var first = fixture.job()
        first.uniqueness = Uniqueness(key: "k", span: span)
        _ = try await fixture.queue.enqueue(first)
        #expect(try await fixture.queue.close(ended(first, .cancelled)))
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.unique("web_crawl", "k"))]).integer == 0)
    }

    @Test func aWindowStaysWhenItsJobIsClosed() async throws {
        let fixture = try await QueueFixture()
        var first = fixture.job()
        first.isRecorded = false
        first.uniqueness = Uniqueness(key: "k", span: .window(milliseconds: 60_000))
        _ = try await fixture.queue.enqueue(first)
        #expect(try await fixture.queue.close(ended(first, .completed)))
        var second = fixture.job()
        second.isRecorded = false
        second.uniqueness = first.uniqueness
        #expect(try await fixture.queue.enqueue(second) == .duplicate(first.id))
    }

    @Test func aRunningJobLeavesNeitherEntryNorPermit() async throws {
        let fixture = try await QueueFixture()
        try await fixture.queue.setLimits([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        try await fixture.enqueued()
        let next = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.claims(by: "w1").isEmpty)
        #expect(try await fixture.queue.close(ended(claim.job, .completed)))
        #expect(try await fixture.pending(.medium) == 0)
        #expect(try await fixture.claimed().job.id == next.id)
        #expect(try await fixture.queue.settle(claim, as: .completed(["n": 1])) == .settled, "its own end, told again")
    }
}
