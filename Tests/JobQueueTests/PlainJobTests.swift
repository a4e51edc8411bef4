import JobModel
import JobQueue
import RedisWire
import Testing

/// A job with nothing but a kind and an input: its lease alone tells its first attempt, whatever happens to its hash meanwhile.
@Suite(.timeLimit(.minutes(1))) struct PlainJobTests {
    private func claimed(_ fixture: QueueFixture) async throws -> Claim {
        _ = try await fixture.queue.enqueue(Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: [:], isRecorded: false))
        return try await fixture.claimed()
    }

    private func told(_ fixture: QueueFixture, _ id: JobID) async throws -> [WatchedEvent] {
        try await fixture.queue.watch(id, after: nil).reduce(into: []) { $0.append($1) }
    }

    @Test func aSubjectThatComesWhileItRunsTakesNoEventAway() async throws {
        let fixture = try await QueueFixture()
        let claim = try await claimed(fixture)
        try await fixture.queue.setSubject("Physics", of: [claim.job.id])
        #expect(try await fixture.queue.settle(claim, as: .completed(["n": 1])) == .settled)
        let events = try await told(fixture, claim.job.id)
        #expect(events.map(\.name) == ["queued", "started", "completed"])
        #expect(events.map(\.sequence) == [1, 2, 3])
        #expect(try await fixture.queue.job(claim.job.id)?.subject == "Physics")
    }

    @Test(arguments: [true, false]) func aSubjectDoesNotMakeItsAttemptsStartAgain(isAfterTheEnd: Bool) async throws {
        let fixture = try await QueueFixture()
        let claim = try await claimed(fixture)
        if !isAfterTheEnd { try await fixture.queue.setSubject("Physics", of: [claim.job.id]) }
        _ = try await fixture.queue.settle(claim, as: .failed(.permanent("It is gone", type: "http_404")))
        if isAfterTheEnd { try await fixture.queue.setSubject("Physics", of: [claim.job.id]) }
        let ended = try #require(try await fixture.queue.job(claim.job.id))
        #expect(try await fixture.queue.retry(ended))
        let again = try await fixture.claimed()
        #expect(again.attempt == 2 && again.job.uncharged == 1)
        _ = try await fixture.queue.settle(again, as: .completed([:]))
        let history = try #require(try await fixture.queue.history(of: claim.job.id))
        #expect(history.events.map(\.name) == ["queued", "started", "failed", "retried", "started", "completed"])
        #expect(history.events.map(\.sequence) == [1, 2, 3, 4, 5, 6])
    }

    @Test func aSubjectThatComesWhileItRunsLeavesItsReportsTheirNumbers() async throws {
        let fixture = try await QueueFixture()
        let claim = try await claimed(fixture)
        try await fixture.queue.setSubject("Physics", of: [claim.job.id])
        #expect(try await fixture.queue.report(JobEvent(.log), progress: nil, of: claim) == .told)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await told(fixture, claim.job.id).map(\.name) == ["queued", "started", "log", "completed"])
    }

    /// Redis applies the torn half of a script at its second start: here that of a report which nobody knew when the job was settled.
    @Test func aTornReportDoesNotHideItsEnd() async throws {
        let fixture = try await QueueFixture()
        let claim = try await claimed(fixture)
        let event = JobEvent(.started, ["attempt": 1]).numbered(2)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        _ = try await fixture.redis.command([
            "HSET", .string(fixture.queue.keys.job(claim.job.id)), "more", "1", "attempt", "1", "seq", "1", "event", .string(event),
        ])
        #expect(try await told(fixture, claim.job.id).map(\.name) == ["queued", "started", "completed"])
    }

    @Test func anInputThatCannotBeReadIsLeftToItsHandler() async throws {
        let fixture = try await QueueFixture()
        let job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: ["a": 1])
        _ = try await fixture.queue.enqueue(job)
        // Its entry says what its handler is given.
        let hash = RedisArgument.string(fixture.queue.keys.job(job.id))
        let policy = try #require(try await fixture.field("policy", of: job.id))
        let entry = try await fixture.redis.command([
            "XADD", .string(fixture.queue.keys.stream("ingest", .medium)), "*", "job_id", .string(job.id.description), "kind", "web_crawl",
            "job", .string(policy + " {"),
        ])
        _ = try await fixture.redis.command(["HSET", hash, "input", "{", "entry", .string("+" + (entry.string ?? ""))])
        #expect(try await fixture.claimed().job.input == [:])
    }

    @Test func aRetryThatIsRefusedWritesNothing() async throws {
        let fixture = try await QueueFixture()
        let claim = try await claimed(fixture)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        let hash = RedisArgument.string(fixture.queue.keys.job(claim.job.id))
        let before = try await fixture.redis.command(["HGETALL", hash]).fields
        #expect(try await !fixture.queue.retry(claim.job))
        #expect(try await fixture.redis.command(["HGETALL", hash]).fields == before)
    }
}
