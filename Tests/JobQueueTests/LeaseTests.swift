import JobModel
import JobQueue
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct LeaseTests {
    private func killed(_ worker: String, in fixture: QueueFixture) async throws {
        let seen = try #require(try await fixture.queue.observe(fixture.streams).first { $0.worker == worker })
        #expect(try await fixture.queue.markDead(seen))
    }

    private func release(_ worker: String, in fixture: QueueFixture, addCrash: Bool = false) async throws {
        for entry in try await fixture.queue.held(by: worker, on: fixture.streams) {
            #expect(try await fixture.queue.release(entry, of: worker, crashed: true, addCrash: addCrash) == .released)
        }
    }

    @Test func aBeatThatMovedSavesTheWorker() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let seen = try #require(try await fixture.queue.observe(fixture.streams).first)
        #expect(try await fixture.queue.beat(fixture.card("w1"), running: 0) == .beating)
        #expect(try await fixture.queue.markDead(seen) == false)
    }

    private func stillness(of worker: String, in fixture: QueueFixture) async throws -> Duration? {
        try await fixture.queue.observe(fixture.streams).first { $0.worker == worker }?.stillness
    }

    @Test func howLongABeatStandsStillIsKnownToAllUntilItMoves() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let seen = try #require(try await fixture.queue.observe(fixture.streams).first)
        #expect(seen.stillness == .zero)
        try await fixture.queue.noteStillness(seen, .seconds(3))
        #expect(try await stillness(of: "w1", in: fixture) == .seconds(3))
        try await fixture.queue.noteStillness(seen, .seconds(2))
        #expect(try await stillness(of: "w1", in: fixture) == .seconds(3), "one reaper saw it for longer")
        try await fixture.queue.noteStillness(seen, .seconds(4))
        #expect(try await stillness(of: "w1", in: fixture) == .seconds(4))
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await stillness(of: "w1", in: fixture) == .zero)
        try await fixture.queue.noteStillness(seen, .seconds(5))
        #expect(try await stillness(of: "w1", in: fixture) == .zero, "it was another beat")
        let next = try #require(try await fixture.queue.observe(fixture.streams).first)
        try await fixture.queue.noteStillness(next, .seconds(1))
        #expect(try await stillness(of: "w1", in: fixture) == .seconds(1), "a new beat begins anew")
    }

    @Test func theStillnessOfANameWithoutABeatMakesNoWorker() async throws {
        let fixture = try await QueueFixture()
        try await fixture.queue.noteStillness(Observation(worker: "w1", beat: "", isMarkedDead: false, entriesHeld: 1), .seconds(3))
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.worker("w1"))]).integer == 0)
    }

    @Test func aDeadWorkersJobRunsAgainAndItsLateAttemptIsLost() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let late = try await fixture.claimed(by: "w1")
        try await killed("w1", in: fixture)
        try await release("w1", in: fixture)
        let second = try await fixture.claimed(by: "w2", from: [.suspect])
        #expect(second.attempt == 2)
        #expect(try await fixture.queue.report(JobEvent(.progress), progress: nil, of: late) == .lost)
        #expect(try await fixture.queue.storeStep("a", 1, of: late) == .lost)
        #expect(try await fixture.queue.settle(late, as: .completed(["by": "late"])) == .lost)
        #expect(try await fixture.queue.settle(second, as: .completed(["by": "second"])) == .settled)
        #expect(try await fixture.queue.job(job.id)?.result == ["by": "second"])
        #expect(try await fixture.queue.settle(late, as: .failed(.permanent("x", type: "x"))) == .lost)
        #expect(try await fixture.queue.job(job.id)?.state == .completed)
    }

    @Test func anEntryIsGivenBackOnceAndByItsHolderAlone() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.claimed(by: "w1")
        let entry = try #require(try await fixture.queue.held(by: "w1", on: fixture.streams).first)
        #expect(try await fixture.queue.release(entry, of: "w2", crashed: false) == .notHeld)
        #expect(try await fixture.field("status", of: job.id) == "processing")
        #expect(try await fixture.queue.release(entry, of: "w1", crashed: false) == .released)
        #expect(try await fixture.queue.release(entry, of: "w1", crashed: false) == .notHeld)
        #expect(try await fixture.length(.medium) == 0)
        #expect(try await fixture.length(.urgent) == 1)
        #expect(try await fixture.field("uncharged", of: job.id) == "1")
        #expect(try await fixture.queue.history(of: job.id)?.events.map(\.name) == ["queued", "started", "reclaimed"])
    }

    @Test func anEntryOfAnotherProgramIsKeptUntilItIsAdopted() async throws {
        let fixture = try await QueueFixture()
        let stream = fixture.queue.keys.stream("ingest", .medium)
        let job = fixture.job()
        _ = try await fixture.redis.command([
            "XADD", .string(stream), "*", "job_id", .string(job.id.description), "source_type", "web_crawl",
        ])
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.claims(by: "w1").isEmpty)
        let entry = try #require(try await fixture.queue.held(by: "w1", on: fixture.streams).first)
        #expect(try await fixture.queue.release(entry, of: "w1", crashed: true) == .foreign)
        #expect(try await fixture.pending(.medium) == 1)
        _ = try await fixture.queue.enqueue(job)
        #expect(try await fixture.queue.release(entry, of: "w1", crashed: true) == .released)
        #expect(try await fixture.length(.medium) == 1)
    }

    @Test func theSameLeaseMaySettleAgain() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
        #expect(try await fixture.redis.command(["HGET", .string(fixture.queue.keys.stats("ingest")), "completed"]).string == "1")
    }

    @Test func aWorkerThatWasDeclaredDeadIsToldSo() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        try await killed("w1", in: fixture)
        #expect(try await fixture.queue.beat(fixture.card("w1"), running: 0) == .dead)
        try await fixture.enqueued()
        guard case .dead = try await fixture.queue.claim(for: "w1", from: fixture.streams, count: 1) else {
            Issue.record("a dead worker could claim")
            return
        }
    }

    @Test func aLiveWorkerWhoseHashIsGoneRegistersAgain() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.worker("w1"))])
        guard case .unregistered = try await fixture.queue.claim(for: "w1", from: fixture.streams, count: 1) else {
            Issue.record("a worker without a hash could claim")
            return
        }
        #expect(try await fixture.queue.beat(fixture.card("w1"), running: 0) == .registered)
    }

    @Test func aWorkerThatIsAskedToLeaveHearsItWithItsNextBeat() async throws {
        let fixture = try await QueueFixture()
        #expect(try await !fixture.queue.drain("w1"))
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.worker("w1"))]).integer == 0)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        #expect(try await fixture.queue.drain("w1"))
        #expect(try await fixture.queue.beat(fixture.card("w1"), running: 0) == .draining)
        #expect(try await fixture.queue.workers().first?.isDraining == true)
    }

    @Test func aConsumerWithEntriesAndNoHashIsSeen() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        _ = try await fixture.claimed(by: "w1")
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.worker("w1")), .string(fixture.queue.keys.workers)])
        let seen = try #require(try await fixture.queue.observe(fixture.streams).first)
        #expect(seen.worker == "w1")
        #expect(seen.beat == "")
        #expect(seen.entriesHeld == 1)
        #expect(try await fixture.queue.markDead(seen))
    }

    @Test func aWorkerThatHoldsEntriesIsNotRemoved() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        let claim = try await fixture.claimed(by: "w1")
        #expect(try await fixture.queue.remove("w1", streams: fixture.streams, isDead: false) == false)
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await fixture.queue.remove("w1", streams: fixture.streams, isDead: false))
        #expect(try await fixture.queue.workers().isEmpty)
    }

    @Test func crashesAreCountedOnlyInProcessesForSuspects() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.claimed(by: "w1")
        try await killed("w1", in: fixture)
        try await release("w1", in: fixture)
        #expect(try await fixture.queue.job(job.id)?.crashes == 0)
        #expect(try await fixture.queue.job(job.id)?.isSuspect == true)
        #expect(try await fixture.queue.suspects(["ingest"]) == (1, 0))
        _ = try await fixture.claimed(by: "w2", from: [.suspect], isForSuspects: true)
        #expect(try await fixture.queue.wasForSuspects("w2"))
        #expect(try await fixture.queue.suspects(["ingest"]) == (0, 1), "one that runs does not wait")
        try await killed("w2", in: fixture)
        try await release("w2", in: fixture, addCrash: true)
        let after = try #require(try await fixture.queue.job(job.id))
        #expect(after.crashes == 1)
        #expect(after.uncharged == 2)
    }

    /// A suspect that has crashed once in a process for suspects, and runs in the next one.
    private func crashedSuspect(_ fixture: QueueFixture) async throws -> Claim {
        _ = try await fixture.enqueued()
        _ = try await fixture.claimed(by: "w1")
        try await release("w1", in: fixture)
        _ = try await fixture.claimed(by: "w2", from: [.suspect], isForSuspects: true)
        try await release("w2", in: fixture, addCrash: true)
        let claim = try await fixture.claimed(by: "w3", from: [.suspect], isForSuspects: true)
        #expect(claim.job.isSuspect && claim.job.crashes == 1 && claim.job.uncharged == 2)
        return claim
    }

    @Test func anAttemptThatEndedByItselfClearsItsJobOfSuspicion() async throws {
        let fixture = try await QueueFixture()
        let claim = try await crashedSuspect(fixture)
        _ = try await fixture.queue.settle(claim, as: .retry(.retry("busy", type: "busy"), afterMilliseconds: 0))
        let after = try #require(try await fixture.queue.job(claim.job.id))
        #expect(!after.isSuspect && after.crashes == 0)
        #expect(after.uncharged == 2, "the attempt is charged")
        _ = try await fixture.queue.promote()
        #expect(try await fixture.claimed(by: "w4").job.id == claim.job.id, "any worker may run it")
    }

    @Test(arguments: [JobOutcome.leaveToOthers(uncharged: 2), .handBack])
    func anAttemptThatIsNotChargedClearsNobody(outcome: JobOutcome) async throws {
        let fixture = try await QueueFixture()
        let claim = try await crashedSuspect(fixture)
        _ = try await fixture.queue.settle(claim, as: outcome)
        let after = try #require(try await fixture.queue.job(claim.job.id))
        #expect(after.isSuspect && after.crashes == 1 && after.uncharged == 3)
        if outcome != .handBack { _ = try await fixture.queue.promote(claim.job.id) }
        #expect(try await fixture.length(.suspect) == 1, "it runs alone again")
    }

    @Test func aSuspectThatIsHandedBackStaysAlone() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        _ = try await fixture.claimed(by: "w1")
        try await killed("w1", in: fixture)
        try await release("w1", in: fixture)
        let claim = try await fixture.claimed(by: "w2", from: [.suspect], isForSuspects: true)
        _ = try await fixture.queue.settle(claim, as: .handBack)
        #expect(try await fixture.length(.suspect) == 1)
        _ = try await fixture.claimed(by: "w3", from: [.suspect], isForSuspects: true)
        for held in try await fixture.queue.held(by: "w3", on: fixture.streams) {
            _ = try await fixture.queue.release(held, of: "w3", crashed: false)
        }
        #expect(try await fixture.length(.suspect) == 1)
        #expect(try await fixture.length(.urgent) == 0)
    }

    @Test func anEntryThatWasReclaimedCannotBeClaimedLate() async throws {
        let fixture = try await QueueFixture()
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let waiter = fixture.queue.waiter()
        let streams = fixture.queue.keys.streams(["ingest"])
        try await waiter.createGroups(streams)
        try await fixture.enqueued()
        let entry = try #require(try await waiter.wait(as: "w1", on: streams).first)
        for held in try await fixture.queue.held(by: "w1", on: fixture.streams) {
            _ = try await fixture.queue.release(held, of: "w1", crashed: false)
        }
        guard case .claimed(let late) = try await fixture.queue.claim(entry, for: "w1") else {
            Issue.record("no answer")
            return
        }
        #expect(late.claims.isEmpty)
        #expect(try await fixture.claimed(by: "w2").attempt == 1)
        await waiter.close()
    }

    @Test func handingBackCostsNoAttempt() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued(.low)
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.settle(claim, as: .handBack) == .settled)
        let back = try #require(try await fixture.queue.job(job.id))
        #expect(back.state == .queued)
        #expect(back.uncharged == 1)
        #expect(try await fixture.claimed(by: "w2", from: [.urgent]).attempt == 2)
    }
}
