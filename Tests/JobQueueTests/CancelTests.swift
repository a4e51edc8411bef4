import JobModel
import JobQueue
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct CancelTests {
    @Test func aQueuedJobIsEndedAndItsEntryIsSkipped() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        #expect(try await fixture.queue.requestCancel(job.id) == .queued)
        #expect(try await fixture.queue.endUnclaimed(job.id, because: .cancelled) == .queued)
        #expect(try await fixture.queue.job(job.id)?.state == .cancelled)
        #expect(try await fixture.length(.medium) == 1)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1").isEmpty)
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test func aRunningJobsWorkerIsToldWithItsNextReport() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let control = try await fixture.queue.control()
        #expect(try await fixture.queue.requestCancel(job.id) == .processing)
        #expect(try await fixture.queue.endUnclaimed(job.id, because: .cancelled) == .processing)
        #expect(try await fixture.queue.job(job.id)?.state == .processing)
        #expect(try await fixture.queue.report(JobEvent(.log), progress: nil, of: claim) == .cancelRequested)
        #expect(try await fixture.queue.cancelRequests(among: [job.id, JobID()]) == [job.id])
        var signals = control.makeAsyncIterator()
        let first = await signals.next(isolation: nil)
        #expect(first == .message(Array("cancel \(job.id)".utf8)))
        _ = try await fixture.queue.settle(claim, as: .cancelled(.cancelled))
        #expect(try await fixture.queue.job(job.id)?.state == .cancelled)
    }

    @Test func anEndedJobIsNotCancelled() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.queue.settle(fixture.claimed(), as: .completed([:]))
        #expect(try await fixture.queue.requestCancel(job.id) == .completed)
        #expect(try await fixture.queue.endUnclaimed(job.id, because: .cancelled) == .completed)
        #expect(try await fixture.queue.job(job.id)?.state == .completed)
        #expect(try await fixture.queue.requestCancel(JobID()) == nil)
    }

    @Test func aScheduledJobIsTakenOffTheSchedule() async throws {
        let fixture = try await QueueFixture()
        let job = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 60_000))
        _ = try await fixture.queue.enqueue(job)
        _ = try await fixture.queue.endUnclaimed(job.id, because: .cancelled)
        #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.scheduled)]).integer == 0)
        #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.active)]).integer == 0)
    }
}
