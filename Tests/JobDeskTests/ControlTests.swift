import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ControlTests {
    @Test func limitsAndPausesComeBackAfterALossOfRedis() async throws {
        let fixture = try await DeskFixture()
        let limit = Limit(scope: .kind, name: "web_crawl", concurrency: 2)
        try await fixture.desk.set(limit)
        try await fixture.desk.pause("ingest", by: "ada")
        #expect(try await fixture.desk.queue.limits() == [limit])
        #expect(try await !fixture.desk.applyControls(), "nothing differs")
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.applyControls())
        #expect(try await fixture.desk.queue.limits() == [limit])
        #expect(try await fixture.desk.queue.pausedQueues() == ["ingest"])
        #expect(try await fixture.desk.removeLimit(.kind, "web_crawl"))
        #expect(try await fixture.desk.queue.limits().isEmpty)
        try await fixture.desk.resume("ingest")
        #expect(try await fixture.desk.queue.pausedQueues().isEmpty)
    }

    @Test func whatOnlyRedisSaysIsTakenBack() async throws {
        let fixture = try await DeskFixture()
        try await fixture.desk.queue.pause("ingest")
        try await fixture.desk.queue.setLimits([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        #expect(try await fixture.desk.applyControls())
        #expect(try await fixture.desk.queue.pausedQueues().isEmpty)
        #expect(try await fixture.desk.queue.limits().isEmpty)
    }

    @Test func nobodyUndoesAPauseThatIsSaidMeanwhile() async throws {
        let fixture = try await DeskFixture()
        let rounds = Mutex(0)
        let bringing = Task {
            while !Task.isCancelled {
                _ = try await fixture.desk.applyControls()
                rounds.withLock { $0 += 1 }
            }
        }
        for round in 0..<40 {
            try await fixture.desk.pause("ingest", by: nil)
            for _ in 0..<3 { #expect(try await fixture.desk.queue.pausedQueues() == ["ingest"], "round \(round)") }
            try await fixture.desk.resume("ingest")
            // What was seen before the resume is done with.
            let begun = rounds.withLock { $0 }
            while rounds.withLock({ $0 }) < begun + 2 { await Task.yield() }
        }
        bringing.cancel()
        _ = await bringing.result
    }

    @Test func aPausedQueueTakesJobsAndGivesNone() async throws {
        let fixture = try await DeskFixture()
        try await fixture.desk.pause("ingest", by: nil)
        let job = try await fixture.desk.submit(fixture.request()).job
        #expect(try await fixture.claimed() == nil)
        try await fixture.desk.resume("ingest")
        #expect(try await fixture.claimed()?.job.id == job.id)
    }

    @Test func aLimitHoldsBackWhatIsOverIt() async throws {
        let fixture = try await DeskFixture()
        try await fixture.desk.set(Limit(scope: .kind, name: "web_crawl", concurrency: 1))
        for _ in 0..<2 { _ = try await fixture.desk.submit(fixture.request()) }
        let claim = try #require(try await fixture.claimed())
        #expect(try await fixture.claimed(by: "w2") == nil)
        try await fixture.desk.set(Limit(scope: .kind, name: "web_crawl", concurrency: 2))
        #expect(try await fixture.claimed(by: "w2") != nil, "a wider limit starts what waits")
        _ = claim
    }

    @Test func unknownNamesAreRefused() async throws {
        let fixture = try await DeskFixture()
        for call in [
            { () async throws in try await fixture.desk.pause("none", by: nil) }, { try await fixture.desk.resume("none") },
            { try await fixture.desk.set(Limit(scope: .queue, name: "none", concurrency: 1)) },
            { try await fixture.desk.set(Limit(scope: .kind, name: "none", concurrency: 1)) },
        ] as [() async throws -> Void] { await #expect(throws: DeskError.self) { try await call() } }
        try await fixture.desk.set(Limit(scope: .key, name: "anybody", concurrency: 3))
    }

    @Test(arguments: ["web_crawl", "note"])
    func aScheduledJobIsPromoted(kind: String) async throws {
        let fixture = try await DeskFixture()
        var request = fixture.request(kind)
        request.runAt = Timestamp.now.advanced(byMilliseconds: 3_600_000)
        let job = try await fixture.desk.submit(request).job
        #expect(try await fixture.claimed() == nil)
        #expect(try await fixture.desk.promote(job.id).state == .queued)
        let error = await #expect(throws: DeskError.self) { try await fixture.desk.promote(job.id) }
        guard case .notScheduled(let now) = error else {
            Issue.record("not the right refusal")
            return
        }
        #expect(now.state == .queued)
        #expect(try await fixture.claimed()?.job.id == job.id)
    }

    @Test func aPromotionThatRedisMissedIsMadeGood() async throws {
        let fixture = try await DeskFixture()
        var request = fixture.request()
        request.runAt = Timestamp.now.advanced(byMilliseconds: 3_600_000)
        let first = try await fixture.desk.submit(request).job
        // The process died between the row and Redis: whoever repeats it succeeds.
        #expect(try await fixture.desk.ledger.promote(first.id, at: .now))
        #expect(try await fixture.desk.promote(first.id).state == .queued)
        #expect(try await fixture.claimed()?.job.id == first.id)
        // Redis has lost the job: the row says what to queue.
        let second = try await fixture.desk.submit(request).job
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.promote(second.id).state == .queued)
        #expect(try await fixture.claimed(by: "w2")?.job.id == second.id)
    }
}
