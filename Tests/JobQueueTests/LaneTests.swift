import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// Jobs with a concurrency key: so many of a key at once, and fair turns between keys.
@Suite struct LaneTests {
    private func keyed(_ fixture: QueueFixture, _ key: String, _ count: Int = 1, priority: JobPriority = .medium) async throws -> [Job] {
        var jobs: [Job] = []
        for _ in 0..<count {
            var job = fixture.job(priority: priority)
            job.concurrencyKey = key
            jobs.append(job)
        }
        _ = try await fixture.queue.enqueue(jobs)
        return jobs
    }

    private func fixture(_ limits: [Limit] = []) async throws -> QueueFixture {
        let fixture = try await QueueFixture()
        try await fixture.queue.setLimits(limits)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        return fixture
    }

    /// Claims and completes one job at a time until there is none; the keys in the order in which they were served.
    private func drain(_ fixture: QueueFixture) async throws -> [String] {
        var served: [String] = []
        while let claim = try await fixture.claims(by: "w1").first {
            served.append(claim.job.concurrencyKey ?? "-")
            _ = try await fixture.queue.settle(claim, as: .completed([:]))
        }
        return served
    }

    @Test func oneJobOfAKeyAtATimeByDefault() async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 3)
        var order: [JobID] = []
        for _ in 0..<3 {
            let claims = try await fixture.claims(by: "w1", count: 10)
            #expect(claims.count == 1)
            order += claims.map(\.job.id)
            _ = try await fixture.queue.settle(claims[0], as: .completed([:]))
        }
        #expect(order == jobs.map(\.id))
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test(arguments: [true, false]) func aJobThatComesBackFromItsWorkerStaysInFrontOfItsKey(crashed: Bool) async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 2)
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == [jobs[0].id])
        for entry in try await fixture.queue.held(by: "w1", on: fixture.streams) {
            _ = try await fixture.queue.release(entry, of: "w1", crashed: crashed)
        }
        _ = try await fixture.queue.beat(fixture.card("w2", isForSuspects: crashed), running: 0)
        let level: [StreamLevel] = crashed ? [.suspect] : [.urgent]
        let others: [StreamLevel] = crashed ? StreamLevel.ordinary : [.medium]
        #expect(try await fixture.claims(by: "w1", from: others, count: 10).isEmpty, "those behind it wait")
        let again = try #require(try await fixture.claims(by: "w2", from: level, count: 10).first)
        #expect(again.job.id == jobs[0].id && again.attempt == 2)
        #expect(try await fixture.claims(by: "w1", from: others, count: 10).isEmpty)
        _ = try await fixture.queue.settle(again, as: .completed([:]))
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == [jobs[1].id])
    }

    @Test func aJobThatIsHandedBackHasItsKeysNextTurn() async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 2)
        _ = try await fixture.queue.settle(fixture.claimed(), as: .handBack)
        let again = try await fixture.claims(by: "w1", count: 10)
        #expect(again.map(\.job.id) == [jobs[0].id], "one of its key at a time")
        for claim in again { _ = try await fixture.queue.settle(claim, as: .completed([:])) }
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == [jobs[1].id])
    }

    @Test func aCancelledSuspectLetsItsKeyGo() async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 2)
        _ = try await fixture.claims(by: "w1", count: 10)
        for entry in try await fixture.queue.held(by: "w1", on: fixture.streams) {
            _ = try await fixture.queue.release(entry, of: "w1", crashed: true)
        }
        _ = try await fixture.queue.endUnclaimed(jobs[0].id, because: .cancelled)
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == [jobs[1].id])
    }

    @Test func keysTakeTurnsHoweverManyJobsOneOfThemHas() async throws {
        let fixture = try await fixture()
        _ = try await keyed(fixture, "big", 20)
        _ = try await keyed(fixture, "small", 3)
        let served = try await drain(fixture)
        #expect(served.count == 23)
        #expect(served.prefix(7).filter { $0 == "small" }.count == 3, "\(served)")
    }

    @Test func aKeyWithoutJobsHasNoTurnAlsoWhenItsTicketIsLost() async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 2)
        let stream = fixture.queue.keys.stream("ingest", .medium)
        _ = try await fixture.redis.command(["DEL", .string(stream)])
        for job in jobs { #expect(try await fixture.queue.endUnclaimed(job.id, because: .cancelled) == .queued) }
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.turns(stream))]).integer == 0)
    }

    @Test func weightsShareTheTurns() async throws {
        let fixture = try await fixture([
            Limit(scope: .key, name: "*", weight: 1), Limit(scope: .key, name: "heavy", weight: 3),
        ])
        _ = try await keyed(fixture, "heavy", 40)
        _ = try await keyed(fixture, "light", 40)
        let served = try await drain(fixture).prefix(40)
        #expect((28...32).contains(served.filter { $0 == "heavy" }.count), "\(served)")
    }

    @Test func aKeyThatComesBackIsNotServedBeforeThoseWhoWait() async throws {
        let fixture = try await fixture()
        _ = try await keyed(fixture, "a", 1)
        _ = try await keyed(fixture, "b", 3)
        var served: [String] = []
        for _ in 0..<6 {
            guard let claim = try await fixture.claims(by: "w1").first else { break }
            served.append(claim.job.concurrencyKey ?? "")
            if claim.job.concurrencyKey == "a" { _ = try await keyed(fixture, "a", 1) }
            _ = try await fixture.queue.settle(claim, as: .completed([:]))
        }
        #expect(served == ["a", "b", "a", "b", "a", "b"])
    }

    @Test func keysAndPlainJobsAndPrioritiesShareAQueue() async throws {
        let fixture = try await fixture()
        _ = try await keyed(fixture, "a", 2)
        let plain = try await fixture.enqueued()
        let urgent = try await keyed(fixture, "b", 1, priority: .urgent)
        let claims = try await fixture.claims(by: "w1", count: 10)
        #expect(claims.first?.job.id == urgent[0].id)
        #expect(claims.count == 3)
        #expect(claims.contains { $0.job.id == plain.id })
    }

    @Test func aDeadWorkersKeyIsFreeAgainAndItsJobIsFound() async throws {
        let fixture = try await fixture()
        _ = try await keyed(fixture, "a", 2)
        _ = try await keyed(fixture, "b", 2)
        // The tickets are not taken in the order of the jobs: recovery must find the right ones.
        let held = try await fixture.claims(by: "w1", count: 10)
        #expect(held.count == 2)
        let entries = try await fixture.queue.held(by: "w1", on: fixture.streams)
        #expect(Set(entries.compactMap(\.jobID)).isSuperset(of: held.map(\.job.id)))
        for entry in entries { _ = try await fixture.queue.release(entry, of: "w1", crashed: false) }
        _ = try await fixture.queue.beat(fixture.card("w2"), running: 0)
        let again = try await fixture.claims(by: "w2", count: 10)
        #expect(again.count == 2)
        #expect(Set(again.map(\.job.concurrencyKey)) == ["a", "b"])
        for claim in again { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await drain2(fixture, "w2").count == 2)
    }

    private func drain2(_ fixture: QueueFixture, _ worker: String) async throws -> [JobID] {
        var served: [JobID] = []
        while let claim = try await fixture.claims(by: worker).first {
            served.append(claim.job.id)
            _ = try await fixture.queue.settle(claim, as: .completed([:]))
        }
        return served
    }

    @Test func aCancelledJobLeavesItsLaneAndTheNextOneRuns() async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 3)
        _ = try await fixture.queue.endUnclaimed(jobs[0].id, because: .cancelled)
        let claim = try await fixture.claimed()
        #expect(claim.job.id == jobs[1].id)
        #expect(try await fixture.queue.held(by: "w1", on: fixture.streams).map(\.jobID) == [claim.job.id], "on another job's ticket")
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
        #expect(try await fixture.redis.command(["EXISTS", .string("\(claim.stream):served")]).integer == 0)
    }

    /// A job that runs by the ticket of another one of its key.
    private func claimedByAnothersTicket(_ fixture: QueueFixture) async throws -> Claim {
        let jobs = try await keyed(fixture, "a", 2)
        _ = try await fixture.queue.endUnclaimed(jobs[0].id, because: .cancelled)
        let claim = try await fixture.claimed()
        #expect(try await served(fixture, claim) == jobs[1].id.description)
        return claim
    }

    /// The job that runs by a claim's ticket, where it is not the one that the ticket names.
    private func served(_ fixture: QueueFixture, _ claim: Claim) async throws -> String? {
        try await fixture.redis.command(["HGET", .string("\(claim.stream):served"), .string(claim.entry)]).string
    }

    @Test func aTicketWhoseJobIsGoneLeavesNothing() async throws {
        let fixture = try await fixture()
        let claim = try await claimedByAnothersTicket(fixture)
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.job(claim.job.id))])
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .lost)
        #expect(try await served(fixture, claim) == nil)
        #expect(try await fixture.pending(.medium) == 0)
    }

    @Test func aTicketThatAnotherAttemptHoldsStillLeadsToItsJob() async throws {
        let fixture = try await fixture()
        let claim = try await claimedByAnothersTicket(fixture)
        _ = try await fixture.redis.command(["HSET", .string(fixture.queue.keys.job(claim.job.id)), "lease", "w1:2", "attempt", "2"])
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .lost)
        #expect(try await fixture.queue.held(by: "w1", on: fixture.streams).map(\.jobID) == [claim.job.id])
    }

    @Test(.timeLimit(.minutes(1))) func aKeysRateIsKept() async throws {
        let rate = Limit.Rate(count: 100, perMilliseconds: 1000, burst: 2)
        let fixture = try await fixture([Limit(scope: .key, name: "a", rate: rate)])
        _ = try await keyed(fixture, "a", 6)
        var started = try await fixture.claims(by: "w1", count: 10).count
        #expect((2...4).contains(started))
        while started < 6 {
            let next = try await fixture.queue.promote().next
            let claims = try await fixture.claims(by: "w1", count: 10)
            #expect(next != nil || !claims.isEmpty, "time alone makes room: somebody must look again, or has looked")
            started += claims.count
        }
    }

    @Test func repairFindsAJobThatIsInNoLane() async throws {
        let fixture = try await fixture()
        let jobs = try await keyed(fixture, "a", 1)
        let stream = fixture.queue.keys.stream("ingest", .medium)
        for key in [stream, fixture.queue.keys.lane(stream, "a")] { _ = try await fixture.redis.command(["DEL", .string(key)]) }
        #expect(try await fixture.queue.repair() == 1)
        #expect(try await fixture.claimed().job.id == jobs[0].id)
    }

    @Test func aKindsPermitsAreNotHeldByJobsThatWaitForTheirKey() async throws {
        let fixture = try await fixture([Limit(scope: .kind, name: "web_crawl", concurrency: 2)])
        for key in ["a", "b", "c"] { _ = try await keyed(fixture, key, 8) }
        var running = try await fixture.claims(by: "w1", count: 10)
        var served = 0
        while !running.isEmpty {
            #expect(running.count == 2 || served > 16, "\(running.count) after \(served)")
            _ = try await fixture.queue.settle(running.removeFirst(), as: .completed([:]))
            served += 1
            running += try await fixture.claims(by: "w1", count: 10)
        }
        #expect(served == 24)
    }

    @Test func aKeyBehindManyFullOnesIsServed() async throws {
        let fixture = try await fixture()
        for _ in 0..<3 { _ = try await fixture.queue.enqueue((0..<150).map { key in keyedJob(fixture, "full-\(key)") }) }
        let first = try await fixture.claims(by: "w1", count: 150)
        #expect(first.count == 150)
        // Tickets that nobody can use are thrown away.
        for _ in 0..<4 { #expect(try await fixture.claims(by: "w1", count: 200).isEmpty) }
        for claim in first { _ = try await fixture.queue.settle(claim, as: .completed([:])) }
        #expect(try await fixture.claims(by: "w1", count: 150).count == 150)
        _ = try await keyed(fixture, "zero", 1)
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.concurrencyKey) == ["zero"])
    }

    private func keyedJob(_ fixture: QueueFixture, _ key: String) -> Job {
        var job = fixture.job()
        job.concurrencyKey = key
        return job
    }

    @Test func aKeyWithoutJobsLeavesNothing() async throws {
        let fixture = try await fixture()
        let job = try await keyed(fixture, "a", 1)[0]
        _ = try await fixture.queue.endUnclaimed(job.id, because: .cancelled)
        #expect(try await fixture.claims(by: "w1", count: 10).isEmpty)
        #expect(try await fixture.redis.command(["EXISTS", .string(fixture.queue.keys.prefix + "lanes:a")]).integer == 0)
    }

    @Test func aStreamThatIsNeverIdleForgetsItsKeys() async throws {
        let fixture = try await fixture()
        let waiting = try await keyed(fixture, "wait", 2)
        #expect(try await fixture.claimed().job.id == waiting[0].id)
        for round in 0..<8 {
            _ = try await fixture.queue.enqueue((0..<200).map { key in keyedJob(fixture, "once-\(round)-\(key)") })
            var served = 0
            while served < 200 {
                let claims = try await fixture.claims(by: "w1", count: 200)
                guard !claims.isEmpty else { throw Unexpected(what: "\(served) of 200 were served") }
                for claim in claims { _ = try await fixture.queue.settle(claim, as: .completed([:])) }
                served += claims.count
            }
        }
        let times = fixture.queue.keys.stream("ingest", .medium) + ":times"
        #expect(try await fixture.redis.command(["HLEN", .string(times)]).integer ?? 0 < 1_100)
    }
}
