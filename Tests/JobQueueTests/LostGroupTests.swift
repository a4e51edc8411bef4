import JobModel
import JobQueue
import RedisWire
import Testing

/// A group or a stream that is lost while jobs run: each stays with the worker that runs it, so that its recovery follows the lease.
@Suite(.timeLimit(.minutes(1))) struct LostGroupTests {
    private enum Shape: CaseIterable {
        case plain, described, keyed
    }

    private func running(_ shape: Shape, on fixture: QueueFixture) async throws -> [Claim] {
        let jobs = (0..<3).map { number in
            var job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: ["n": 1])
            if shape == .described { job.metadata = ["a": 1] }
            // The last one's key is its own: it runs by a ticket that names another job.
            if shape == .keyed { job.concurrencyKey = "k\(number)" }
            return job
        }
        _ = try await fixture.queue.enqueue(jobs)
        for worker in ["w1", "w2"] { _ = try await fixture.queue.beat(fixture.card(worker), running: 0) }
        if shape == .keyed {
            // Turns that do not come in the order of the tickets.
            let turns = fixture.queue.keys.stream("ingest", .medium) + ":turns"
            _ = try await fixture.redis.command(["ZADD", .string(turns), "-1", "k2"])
        }
        let claims = try await fixture.claims(by: "w1", count: 10)
        #expect(Set(claims.map(\.job.id)) == Set(jobs.map(\.id)))
        return claims
    }

    private func loseGroup(_ fixture: QueueFixture) async throws {
        _ = try await fixture.redis.command(["XGROUP", "DESTROY", .string(fixture.queue.keys.stream("ingest", .medium)), "workers"])
    }

    private func held(by worker: String, _ fixture: QueueFixture) async throws -> Set<JobID> {
        Set(try await fixture.queue.held(by: worker, on: fixture.streams).compactMap(\.jobID))
    }

    /// As a reaper does.
    private func recover(_ worker: String, _ fixture: QueueFixture) async throws {
        let seen = try #require(try await fixture.queue.observe(fixture.streams).first { $0.worker == worker })
        #expect(try await fixture.queue.markDead(seen))
        for held in try await fixture.queue.held(by: worker, on: fixture.streams) {
            #expect(try await fixture.queue.release(held, of: worker, crashed: true) == .released)
        }
    }

    private func runAgain(_ claims: [Claim], _ fixture: QueueFixture) async throws {
        _ = try await fixture.queue.beat(fixture.card("w3", isForSuspects: true), running: 0)
        let again = try await fixture.claims(by: "w3", from: [.suspect], count: 10)
        #expect(Set(again.map(\.job.id)) == Set(claims.map(\.job.id)))
        #expect(again.allSatisfy { $0.attempt == 2 && $0.job.uncharged == 1 })
        for claim in again { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await fixture.length(.suspect) == 0)
    }

    @Test(arguments: Shape.allCases) private func whatIsReadAgainGoesBackToWhoRunsIt(shape: Shape) async throws {
        let fixture = try await QueueFixture()
        let claims = try await running(shape, on: fixture)
        try await loseGroup(fixture)
        #expect(try await fixture.claims(by: "w2", count: 10).isEmpty)
        #expect(try await held(by: "w1", fixture) == Set(claims.map(\.job.id)))
        #expect(try await held(by: "w2", fixture).isEmpty)
        try await recover("w1", fixture)
        try await runAgain(claims, fixture)
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test(arguments: Shape.allCases) private func soDoesWhatARecoveredWorkerRan(shape: Shape) async throws {
        let fixture = try await QueueFixture()
        let claims = try await running(shape, on: fixture)
        try await loseGroup(fixture)
        try await recover("w1", fixture)
        #expect(try await fixture.queue.remove("w1", streams: fixture.streams, isDead: true))
        #expect(try await fixture.claims(by: "w2", count: 10).isEmpty)
        try await recover("w1", fixture)
        try await runAgain(claims, fixture)
    }

    @Test(arguments: Shape.allCases) private func whatWasReadAgainAndNeverClaimedGoesBackToo(shape: Shape) async throws {
        let fixture = try await QueueFixture()
        let claims = try await running(shape, on: fixture)
        let stream = RedisArgument.string(fixture.queue.keys.stream("ingest", .medium))
        try await loseGroup(fixture)
        _ = try await fixture.redis.command(["XGROUP", "CREATE", stream, "workers", "0"])
        _ = try await fixture.redis.command(["XREADGROUP", "GROUP", "workers", "w2", "STREAMS", stream, ">"])
        for held in try await fixture.queue.held(by: "w2", on: fixture.streams) {
            #expect(try await fixture.queue.release(held, of: "w2", crashed: false) == .released)
        }
        #expect(try await held(by: "w1", fixture) == Set(claims.map(\.job.id)))
        for claim in claims { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test(arguments: Shape.allCases) private func aLostStreamsRunningJobsGetAnotherEntry(shape: Shape) async throws {
        let fixture = try await QueueFixture()
        let claims = try await running(shape, on: fixture)
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.stream("ingest", .medium))])
        #expect(try await fixture.queue.repair() == 3)
        #expect(try await fixture.queue.repair() == 0)
        #expect(try await held(by: "w1", fixture) == Set(claims.map(\.job.id)))
        #expect(try await fixture.claims(by: "w2", count: 10).isEmpty)
        #expect(try await held(by: "w1", fixture) == Set(claims.map(\.job.id)))
        try await recover("w1", fixture)
        try await runAgain(claims, fixture)
        #expect(try await fixture.length(.medium) == 0)
    }

    /// Nobody takes anything from a queue that is paused.
    @Test(arguments: Shape.allCases) private func theSweepFindsWhatNobodyReadsAgain(shape: Shape) async throws {
        let fixture = try await QueueFixture()
        let claims = try await running(shape, on: fixture)
        try await loseGroup(fixture)
        try await fixture.queue.pause("ingest")
        #expect(try await fixture.queue.repair() == 3)
        #expect(try await fixture.queue.repair() == 0)
        try await recover("w1", fixture)
        try await fixture.queue.resume("ingest")
        try await runAgain(claims, fixture)
        #expect(try await fixture.claims(by: "w2", count: 10).isEmpty)
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test(arguments: Shape.allCases) private func itsEndIsKnownByItsLeaseAndTheOtherEntryGoes(shape: Shape) async throws {
        let fixture = try await QueueFixture()
        let claims = try await running(shape, on: fixture)
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.stream("ingest", .medium))])
        #expect(try await fixture.queue.repair() == 3)
        for claim in claims { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await fixture.claims(by: "w2", count: 10).isEmpty)
        #expect(try await fixture.length(.medium) == 0)
    }
}
