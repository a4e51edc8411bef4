import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Testing

/// Both stores in line, a portion at a time.
@Suite(.timeLimit(.minutes(1))) struct SweepTests {
    private let failure = JobFailure.permanent("no", type: "x")

    @Test func aJobThatSQLHasEndedIsClosedInRedisAndItsStreamEnds() async throws {
        let fixture = try await DeskFixture()
        let queued = try await fixture.desk.submit(fixture.request()).job
        let watch = try await fixture.desk.events(of: queued.id, after: nil)
        _ = try await fixture.desk.ledger.endUnclaimed(queued.id, as: .failed(failure), at: .now, by: "test")
        #expect(try await fixture.desk.closeEnded(from: 0).closed == 0, "a settlement may be on its way")
        #expect(try await fixture.desk.closeEnded(from: 0, grace: -1_000).closed == 1)
        let job = try #require(try await fixture.desk.queue.job(queued.id))
        #expect(job.state == .failed && job.error == "no" && job.errorType == "x")
        var names: [String] = []
        for try await event in watch { names.append(event.name) }
        #expect(names.last == "failed")
        #expect(try await fixture.claimed() == nil)
        #expect(try await fixture.desk.queue.liveIDs(from: 0, limit: 9).isEmpty)
    }

    @Test func aRunningJobThatSQLHasEndedLeavesNothingPending() async throws {
        let fixture = try await DeskFixture()
        _ = try await fixture.desk.submit(fixture.request())
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        _ = try await fixture.desk.ledger.record(.completed(["n": 1]), of: claim, at: .now)
        #expect(try await fixture.desk.closeEnded(from: 0, grace: -1_000).closed == 1)
        #expect(try await fixture.desk.queue.job(claim.job.id)?.result == ["n": 1])
        #expect(try await fixture.desk.queue.held(by: "w1", on: fixture.streams).isEmpty)
        #expect(try await fixture.desk.finish(claim, as: .completed(["n": 1])) == .settled, "its own late settlement is answered")
    }

    @Test func theSweepGoesOnWhereItStopped() async throws {
        let fixture = try await DeskFixture()
        var ids: [JobID] = []
        for _ in 0..<5 { ids.append(try await fixture.desk.submit(fixture.request()).job.id) }
        for id in [ids[0], ids[4]] { _ = try await fixture.desk.ledger.endUnclaimed(id, as: .failed(failure), at: .now, by: "t") }
        let first = try await fixture.desk.closeEnded(from: 0, limit: 3, grace: -1_000)
        #expect(first.closed == 1 && first.next == 2)
        let second = try await fixture.desk.closeEnded(from: 2, limit: 3, grace: -1_000)
        #expect(second.closed == 1 && second.next == nil)
    }

    @Test func aWatchEndsWhenItsJobEndedWhileRedisWasWiped() async throws {
        let fixture = try await DeskFixture()
        _ = try await fixture.desk.submit(fixture.request())
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        var watch = try await fixture.desk.events(of: claim.job.id, after: nil).makeAsyncIterator()
        for _ in 0..<2 { _ = try await watch.next() }
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.finish(claim, as: .completed(["n": 1])) == .lost, "Redis does not know it")
        #expect(try await fixture.desk.endLostWatches() == 1)
        let end = try await watch.next()
        #expect(end?.name == "completed" && end?.sequence == 3)
        #expect(try await watch.next() == nil)
    }

    @Test func aPortionQueuesNewRowsAndRoundsTheOthers() async throws {
        let fixture = try await DeskFixture()
        let young = try await fixture.desk.submit(fixture.request()).job
        let old = JobID(at: Timestamp.now.advanced(byMilliseconds: -86_400_000))
        for (id, age) in [(old, Int64(-86_400_000)), (young.id, -60_000)] {
            try await fixture.pool.execute(
                "UPDATE jobs SET id = $2, created_at = to_timestamp($3 / 1000.0) WHERE id = $1",
                [.text(young.id.description), .text(id.description), .integer(Timestamp.now.advanced(byMilliseconds: age).milliseconds)])
            if id == old { _ = try await fixture.desk.ledger.accept(young, idempotency: nil) }
        }
        try await fixture.forgetRedis()
        let (queued, place) = try await fixture.desk.reconcile(from: ReconcilePlace(), age: 0)
        #expect(queued == 2)
        #expect(try await fixture.desk.reconcile(from: place, age: 0).queued == 0)
    }

    @Test func jobsThatWaitForOthersAreNotQueued() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        try await fixture.pool.execute("UPDATE jobs SET status = 'waiting' WHERE id = $1", [.text(job.id.description)])
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.reconcile(olderThan: 0) == 0)
        #expect(try await fixture.desk.enqueueAnnounced([job.id]) == 0)
    }
}
