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

    @Test func keysTakeTurnsHoweverManyJobsOneOfThemHas() async throws {
        let fixture = try await fixture()
        _ = try await keyed(fixture, "big", 20)
        _ = try await keyed(fixture, "small", 3)
        let served = try await drain(fixture)
        #expect(served.count == 23)
        #expect(served.prefix(7).filter { $0 == "small" }.count == 3, "\(served)")
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
        #expect(try await fixture.claimed().job.id == jobs[1].id)
    }

    @Test(.timeLimit(.minutes(1))) func aKeysRateIsKept() async throws {
        let rate = Limit.Rate(count: 100, perMilliseconds: 1000, burst: 2)
        let fixture = try await fixture([Limit(scope: .key, name: "a", rate: rate)])
        _ = try await keyed(fixture, "a", 6)
        var started = try await fixture.claims(by: "w1", count: 10).count
        #expect((2...4).contains(started))
        while started < 6 {
            #expect(try await fixture.queue.promote().next != nil, "time alone makes room: somebody must look again")
            started += try await fixture.claims(by: "w1", count: 10).count
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
}
