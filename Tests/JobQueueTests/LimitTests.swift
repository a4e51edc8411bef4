import JobModel
import JobQueue
import PrivateServers
import RedisWire
import TestServers
import Testing

/// Limits of queues and kinds: parked without blocking who comes behind, woken without a lost wakeup.
@Suite struct LimitTests {
    private func limited(_ limits: [Limit]) async throws -> QueueFixture {
        let fixture = try await QueueFixture()
        try await fixture.queue.setLimits(limits)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        return fixture
    }

    private func permits(_ fixture: QueueFixture, _ name: String) async throws -> Int64? {
        try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.permits(name))]).integer
    }

    /// Jobs behind a limit, those in lanes not counted.
    private func parked(_ fixture: QueueFixture, _ limit: String) async throws -> Int64 {
        let places = try await fixture.redis.command(["SMEMBERS", .string(fixture.queue.keys.behind(limit))]).array ?? []
        var count: Int64 = 0
        for place in places.compactMap(\.string) where !place.hasPrefix(" ") {
            count += try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.parked(place))]).integer ?? 0
        }
        return count
    }

    @Test func noMoreThanTheLimitRunAtOnceAndEachEndWakesOne() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 2)])
        for _ in 0..<10 { try await fixture.enqueued() }
        var running = try await fixture.claims(by: "w1", count: 100)
        #expect(running.count == 2)
        #expect(try await parked(fixture, "kind:web_crawl") == 8)
        var seen = Set(running.map(\.job.id))
        while let claim = running.popLast() {
            #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
            let next = try await fixture.claims(by: "w1", count: 100)
            #expect(next.count <= 1)
            running += next
            seen.formUnion(next.map(\.job.id))
            #expect(try await permits(fixture, "kind:web_crawl") == Int64(running.count))
        }
        #expect(seen.count == 10)
        #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.parked)]).integer == 0)
        #expect(try await fixture.redis.command(["SCARD", .string(fixture.queue.keys.permitted)]).integer == 0)
    }

    @Test func aFullLimitDoesNotBlockOtherKinds() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        for _ in 0..<5 { try await fixture.enqueued() }
        var other = fixture.job()
        other.kind = "document"
        _ = try await fixture.queue.enqueue(other)
        let claims = try await fixture.claims(by: "w1", count: 3)
        #expect(claims.map(\.job.kind).sorted() == ["document", "web_crawl"])
    }

    @Test func whatIsUrgentComesBeforeWhatIsParkedAlready() async throws {
        let fixture = try await limited([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        for _ in 0..<5 { try await fixture.enqueued(.low) }
        let first = try await fixture.claims(by: "w1", count: 10)
        #expect(first.count == 1)
        let urgent = try await fixture.enqueued(.urgent)
        #expect(try await fixture.claims(by: "w1", count: 10).isEmpty)
        #expect(try await parked(fixture, "queue:ingest") == 5)
        #expect(try await fixture.queue.settle(first[0], as: .completed([:])) == .settled)
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == [urgent.id])
    }

    @Test func jobsOfOneKeyDoNotSitOnPermitsThatOthersCouldUse() async throws {
        let fixture = try await limited([Limit(scope: .queue, name: "ingest", concurrency: 2)])
        var running: [Claim] = []
        for _ in 0..<2 { try await fixture.enqueued() }
        running += try await fixture.claims(by: "w1", count: 10)
        let before = running.map(\.job.id)
        var keyed: [JobID] = []
        for _ in 0..<4 {
            var job = fixture.job()
            job.concurrencyKey = "a"
            keyed.append(job.id)
            _ = try await fixture.queue.enqueue(job)
        }
        #expect(try await fixture.claims(by: "w1", count: 10).isEmpty)
        for _ in 0..<4 { try await fixture.enqueued() }
        #expect(try await fixture.claims(by: "w1", count: 10).isEmpty)
        #expect(try await parked(fixture, "queue:ingest") == 4, "those with a key wait in their lane")
        var order: [JobID] = []
        var most = 0
        while !running.isEmpty {
            let claim = running.removeFirst()
            #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
            running += try await fixture.claims(by: "w1", count: 10)
            most = max(most, running.count)
            #expect(running.count { $0.job.concurrencyKey == "a" } <= 1)
            #expect(running.count == 2 || order.count > 4, "the queue's permits are all in use while there are other jobs")
            order += running.map(\.job.id).filter { !order.contains($0) && !before.contains($0) }
        }
        #expect(most == 2)
        #expect(order.count == 8)
        #expect(order.filter(keyed.contains) == keyed, "in the order of their arrival")
        #expect(try await fixture.redis.command(["SCARD", .string(fixture.queue.keys.permitted)]).integer == 0)
    }

    @Test func weightsHoldBehindTheLimitOfAQueue() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 1), Limit(scope: .key, name: "*", concurrency: 100),
            Limit(scope: .key, name: "heavy", concurrency: 100, weight: 3),
        ])
        for key in ["heavy", "light"] {
            for _ in 0..<24 {
                var job = fixture.job()
                job.concurrencyKey = key
                _ = try await fixture.queue.enqueue(job)
            }
        }
        var served: [String] = []
        while let claim = try await fixture.claims(by: "w1", count: 100).first {
            served.append(claim.job.concurrencyKey ?? "-")
            #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
        }
        #expect(served.count == 48)
        #expect((16...20).contains(served.prefix(24).count { $0 == "heavy" }), "\(served)")
    }

    @Test func permitsOfADeadWorkerComeBack() async throws {
        let fixture = try await limited([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        for _ in 0..<2 { try await fixture.enqueued() }
        let lost = try await fixture.claimed(by: "w1")
        _ = try await fixture.queue.beat(fixture.card("w2"), running: 0)
        #expect(try await fixture.claims(by: "w2").isEmpty)
        for entry in try await fixture.queue.held(by: "w1", on: fixture.streams) {
            _ = try await fixture.queue.release(entry, of: "w1", crashed: true)
        }
        // The one that died waits for a process of its own; the other one may run at once.
        let next = try await fixture.claimed(by: "w2")
        #expect(next.job.id != lost.job.id)
        #expect(try await permits(fixture, "queue:ingest") == 1)
    }

    @Test func aJobOverTwoLimitsHoldsNoneWhileItIsParked() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 2), Limit(scope: .kind, name: "web_crawl", concurrency: 1),
        ])
        for _ in 0..<3 { try await fixture.enqueued() }
        let first = try await fixture.claims(by: "w1", count: 10)
        #expect(first.count == 1)
        #expect(try await permits(fixture, "queue:ingest") == 1)
        _ = try await fixture.queue.settle(first[0], as: .retry(.retry("later", type: "x"), afterMilliseconds: 60_000))
        #expect(try await fixture.claims(by: "w1", count: 10).count == 1)
    }

    @Test func cancellingParkedAndWokenJobsLosesNoWakeup() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        var jobs: [Job] = []
        for _ in 0..<4 { jobs.append(try await fixture.enqueued()) }
        let first = try await fixture.claims(by: "w1", count: 10)
        _ = try await fixture.queue.endUnclaimed(jobs[1].id, because: .cancelled)
        _ = try await fixture.queue.settle(first[0], as: .completed([:]))
        // Woken, with a permit of its own, and cancelled before anybody claimed it.
        _ = try await fixture.queue.endUnclaimed(jobs[2].id, because: .cancelled)
        #expect(try await fixture.claimed().job.id == jobs[3].id)
    }

    @Test func raisingALimitWakesWhatWaits() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        for _ in 0..<5 { try await fixture.enqueued() }
        #expect(try await fixture.claims(by: "w1", count: 10).count == 1)
        try await fixture.queue.setLimits([Limit(scope: .kind, name: "web_crawl", concurrency: 3)])
        #expect(try await fixture.claims(by: "w1", count: 10).count == 2)
        try await fixture.queue.setLimits([])
        #expect(try await fixture.claims(by: "w1", count: 10).count == 2)
    }

    @Test(.timeLimit(.minutes(1))) func aRateLetsABurstThroughAndTheRestByTime() async throws {
        let rate = Limit.Rate(count: 50, perMilliseconds: 1000, burst: 3)
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", rate: rate)])
        for _ in 0..<8 { try await fixture.enqueued() }
        var started = try await fixture.claims(by: "w1", count: 100).count
        #expect((3...5).contains(started))
        let begin = ContinuousClock.now
        while started < 8 {
            let next = try await fixture.queue.promote().next
            let waits = try await parked(fixture, "kind:web_crawl")
            #expect(waits == 0 || next != nil, "a parked job tells when it is due")
            started += try await fixture.claims(by: "w1", count: 100).count
        }
        #expect(begin.duration(to: .now) >= .milliseconds(40))
    }

    @Test func aPermitThatNobodyHoldsIsSweptBack() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        for _ in 0..<2 { try await fixture.enqueued() }
        let claim = try await fixture.claimed()
        // A torn log: the job's hash is gone, its permit is not.
        _ = try await fixture.redis.command(["DEL", .string(fixture.queue.keys.job(claim.job.id))])
        #expect(try await fixture.claims(by: "w1").isEmpty)
        #expect(try await fixture.queue.sweepLimits(from: "0").takenBack == 1)
        #expect(try await fixture.claims(by: "w1").count == 1)
    }

    @Test func aPermitInUseIsNotSweptBack() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        for _ in 0..<3 { try await fixture.enqueued() }
        let running = try await fixture.claims(by: "w1", count: 10)
        #expect(try await fixture.queue.sweepLimits() == 0)
        #expect(try await permits(fixture, "kind:web_crawl") == 1)
        #expect(try await fixture.claims(by: "w1", count: 10).isEmpty)
        // The next one is woken with a permit, and holds it before anybody claims it.
        _ = try await fixture.queue.settle(running[0], as: .completed([:]))
        #expect(try await fixture.queue.sweepLimits() == 0)
        #expect(try await permits(fixture, "kind:web_crawl") == 1)
        #expect(try await fixture.claims(by: "w1", count: 10).count == 1)
    }

    @Test func manyPermitsAreSweptInPortions() async throws {
        let server = try await TestRedis.own()
        let fixture = try await QueueFixture(on: server)
        try await fixture.queue.setLimits([Limit(scope: .kind, name: "web_crawl", concurrency: 2000)])
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        _ = try await fixture.queue.enqueue((0..<700).map { _ in fixture.job() })
        var running: [Claim] = []
        while running.count < 700 { running += try await fixture.claims(by: "w1", count: 200) }
        let lost = (0..<1100).flatMap { [RedisArgument.integer(1), .string("lost-\($0)")] }
        let key = fixture.queue.keys.permits("kind:web_crawl")
        _ = try await fixture.redis.command(["ZADD", .string(key)] + lost)
        let before = try await calls(of: "evalsha", fixture)
        #expect(try await fixture.queue.sweepLimits() == 1100)
        #expect(try await permits(fixture, "kind:web_crawl") == 700)
        #expect(try await calls(of: "evalsha", fixture) - before == 4, "1,800 permits, at most 500 in one call")
        await server.stop()
    }

    /// How often the server ran a command.
    private func calls(of command: String, _ fixture: QueueFixture) async throws -> Int {
        let text = try await fixture.redis.command(["INFO", "commandstats"]).string ?? ""
        let line = text.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(command):calls=") } ?? ""
        return Int(line.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }) ?? 0
    }

    @Test func aWokenJobThatIsHandedBackAsksForItsPermitAgain() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        for _ in 0..<4 { try await fixture.enqueued() }
        let first = try await fixture.claims(by: "w1", count: 10)
        _ = try await fixture.queue.settle(first[0], as: .completed([:]))
        // Handed to a blocked read whose worker goes before it claims.
        let stream = fixture.queue.keys.stream("ingest", .urgent)
        _ = try await fixture.redis.command(["XREADGROUP", "GROUP", "workers", "w1", "COUNT", 1, "STREAMS", .string(stream), ">"])
        let held = try await fixture.queue.held(by: "w1", on: fixture.streams)
        #expect(held.count == 1)
        for entry in held { _ = try await fixture.queue.release(entry, of: "w1", crashed: false) }
        #expect(try await fixture.claims(by: "w1", count: 10).count == 1)
        #expect(try await permits(fixture, "kind:web_crawl") == 1)
    }

    @Test func whatALimitHeldBackIsQueuedWithoutPausesOnceItIsGone() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        _ = try await fixture.queue.enqueue((0..<700).map { _ in fixture.job() })
        for _ in 0..<3 { _ = try await fixture.claims(by: "w1", count: 200) }
        #expect(try await parked(fixture, "kind:web_crawl") == 699)
        try await fixture.queue.setLimits([])
        var portions = 0
        while portions < 20 {
            let waits = try await parked(fixture, "kind:web_crawl")
            guard waits > 0 else { break }
            #expect(waits >= 599 - portions * 200, "Redis is held for one portion at a time")
            let next = try await fixture.queue.promote().next
            let left = try await parked(fixture, "kind:web_crawl")
            #expect(next == .zero || left == 0)
            portions += 1
        }
        #expect(try await parked(fixture, "kind:web_crawl") == 0)
    }

    @Test func aFullLimitIsNotLookedAtAllTheTime() async throws {
        let rate = Limit.Rate(count: 100, perMilliseconds: 1000, burst: 100)
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1, rate: rate)])
        for _ in 0..<3 { try await fixture.enqueued() }
        #expect(try await fixture.claims(by: "w1", count: 10).count == 1)
        #expect(try await fixture.queue.promote().next ?? .seconds(9) > .milliseconds(500), "only a freed permit makes room")
    }

    @Test func manyDeadLettersThatGrowOldTogetherGoInPortions() async throws {
        let fixture = try await limited([])
        for _ in 0..<2 { try await fixture.enqueued() }
        let old = (0..<700).flatMap { [RedisArgument.integer(1), .string("old-\($0)")] }
        _ = try await fixture.redis.command(["ZADD", .string(fixture.queue.keys.dead)] + old)
        for left: Int64 in [201, 2] {
            _ = try await fixture.queue.settle(fixture.claimed(), as: .failed(.permanent("no", type: "x")))
            #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.dead)]).integer == left)
        }
    }
}
