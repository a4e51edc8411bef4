import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// Who holds a unique key: decided by what its job is, whatever a loss or a crash left in Redis.
@Suite(.timeLimit(.minutes(1))) struct UniqueTests {
    private func unique(_ fixture: QueueFixture, _ span: Uniqueness.Span, recorded: Bool) -> Job {
        var job = fixture.job()
        job.isRecorded = recorded
        job.uniqueness = Uniqueness(key: "k", span: span)
        return job
    }

    /// Who is in the way of another job; the door leaves nothing behind.
    private func holder(_ fixture: QueueFixture, _ span: Uniqueness.Span, recorded: Bool) async throws -> JobID? {
        let job = unique(fixture, span, recorded: recorded)
        if recorded {
            let holder = try await fixture.queue.reserveUnique(job)
            try await fixture.queue.releaseUnique(job)
            return holder
        }
        if case .duplicate(let id) = try await fixture.queue.enqueue(job) { return id }
        _ = try await fixture.queue.endUnclaimed(job.id, because: .cancelled)
        return nil
    }

    /// The key as a crash leaves it: its job has gone on.
    private func leaveKey(of id: JobID, _ fixture: QueueFixture) async throws {
        _ = try await fixture.redis.command(["SET", .string(fixture.queue.keys.unique("web_crawl", "k")), .string(id.description)])
    }

    @Test(arguments: [false, true]) func aJobHoldsItsKeyUntilItStarts(recorded: Bool) async throws {
        let fixture = try await QueueFixture()
        var job = unique(fixture, .whileQueued, recorded: recorded)
        job.scheduledAt = Timestamp.now.advanced(byMilliseconds: 60_000)
        #expect(try await fixture.queue.enqueue(job) == .accepted)
        #expect(try await holder(fixture, .whileQueued, recorded: recorded) == job.id, "it is scheduled")
        _ = try await fixture.queue.promote(job.id)
        #expect(try await holder(fixture, .whileQueued, recorded: recorded) == job.id, "it is queued")
        let claim = try await fixture.claimed()
        #expect(claim.job.id == job.id)
        try await leaveKey(of: job.id, fixture)
        #expect(try await holder(fixture, .whileQueued, recorded: recorded) == nil, "it has started")
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        try await leaveKey(of: job.id, fixture)
        #expect(try await holder(fixture, .whileQueued, recorded: recorded) == nil, "it has ended")
        var waiting = unique(fixture, .whileQueued, recorded: recorded)
        waiting.state = .waiting
        #expect(try await fixture.queue.enqueue(waiting) == .accepted)
        #expect(try await holder(fixture, .whileQueued, recorded: recorded) == waiting.id, "it waits for others")
    }

    @Test(arguments: [false, true]) func aJobHoldsItsKeyUntilItEnds(recorded: Bool) async throws {
        let fixture = try await QueueFixture()
        let job = unique(fixture, .whileActive, recorded: recorded)
        #expect(try await fixture.queue.enqueue(job) == .accepted)
        let claim = try await fixture.claimed()
        #expect(try await holder(fixture, .whileActive, recorded: recorded) == job.id)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        try await leaveKey(of: job.id, fixture)
        #expect(try await holder(fixture, .whileActive, recorded: recorded) == nil)
        try await leaveKey(of: JobID(), fixture)
        #expect(try await holder(fixture, .whileActive, recorded: recorded) == nil, "nobody knows that job")
    }

    @Test(arguments: [
        JobOutcome.retry(.retry("It is busy", type: "busy"), afterMilliseconds: 60_000), .handBack,
    ]) func aJobThatComesBackHoldsItsKeyUntilItEnds(outcome: JobOutcome) async throws {
        let fixture = try await QueueFixture()
        let job = unique(fixture, .whileActive, recorded: false)
        #expect(try await fixture.queue.enqueue(job) == .accepted)
        _ = try await fixture.queue.settle(fixture.claimed(), as: outcome)
        #expect(try await holder(fixture, .whileActive, recorded: false) == job.id)
        if outcome != .handBack { _ = try await fixture.queue.promote(job.id) }
        _ = try await fixture.queue.settle(fixture.claimed(), as: .failed(.permanent("It is gone", type: "http_404")))
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.unique("web_crawl", "k"))]).integer == 0)
    }

    @Test func onlyItsHolderLetsAReservedKeyGo() async throws {
        let fixture = try await QueueFixture()
        let jobs = (0..<3).map { _ in unique(fixture, .whileActive, recorded: true) }
        for _ in 0..<2 { #expect(try await fixture.queue.reserveUnique(jobs[0]) == nil, "it may ask again") }
        try await fixture.queue.releaseUnique(jobs[1])
        #expect(try await fixture.queue.reserveUnique(jobs[2]) == jobs[0].id)
        try await fixture.queue.releaseUnique(jobs[0])
        #expect(try await fixture.queue.reserveUnique(jobs[2]) == nil)
    }
}
