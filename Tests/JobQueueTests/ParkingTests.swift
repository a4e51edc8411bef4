import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// Who waits behind limits, and who is let go first: pauses, two limits at once, turns of keys, priorities.
@Suite struct ParkingTests {
    private func limited(_ limits: [Limit]) async throws -> QueueFixture {
        let fixture = try await QueueFixture()
        try await fixture.queue.setLimits(limits)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        return fixture
    }

    private func add(
        _ fixture: QueueFixture, _ count: Int = 1, queue: String = "ingest", kind: String = "web_crawl", key: String? = nil,
        priority: JobPriority = .medium, age: Int64 = 0
    ) async throws -> [JobID] {
        let jobs = (0..<count).map { index in
            var job = fixture.job(priority: priority)
            job.queue = queue
            job.kind = kind
            job.concurrencyKey = key
            job.createdAt = Timestamp.now.advanced(byMilliseconds: Int64(index - count) - age)
            return job
        }
        _ = try await fixture.queue.enqueue(jobs)
        return jobs.map(\.id)
    }

    /// From both queues.
    private func claims(_ fixture: QueueFixture, _ count: Int = 10) async throws -> [Claim] {
        let streams = fixture.queue.keys.streams(["ingest", "models"])
        guard case .claimed(let claimed) = try await fixture.queue.claim(for: "w1", from: streams, count: count) else {
            throw Unexpected(what: "no claim was answered")
        }
        return claimed.claims
    }

    private func complete(_ fixture: QueueFixture, _ claim: Claim) async throws {
        #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled)
    }

    /// Completes one job after the other until there is none; their ids in the order in which they were claimed.
    private func drain(_ fixture: QueueFixture, _ first: [Claim] = []) async throws -> [JobID] {
        var running = first
        var order: [JobID] = []
        while true {
            if running.isEmpty { running = try await claims(fixture, 1) }
            guard let claim = running.popLast() else { return order }
            order.append(claim.job.id)
            try await complete(fixture, claim)
        }
    }

    private func places(_ fixture: QueueFixture) async throws -> [String] {
        try await fixture.redis.command(["KEYS", .string(fixture.queue.keys.prefix + "*")]).array?.compactMap(\.string).filter {
            $0.contains("parked") || $0.contains("behind") || $0.hasSuffix("woken")
        } ?? []
    }

    @Test func aPausedQueueKeepsNoPermitThatAnotherOneCouldUse() async throws {
        let fixture = try await limited([Limit(scope: .kind, name: "web_crawl", concurrency: 1)])
        let first = try await add(fixture, age: 3000)
        let paused = try await add(fixture, 2, age: 2000)
        let other = try await add(fixture, queue: "models", age: 1000)
        let running = try await claims(fixture)
        #expect(running.map(\.job.id) == first)
        try await complete(fixture, running[0])
        // One of the queue was woken before the pause, the other one must not be woken during it.
        try await fixture.queue.pause("ingest")
        let next = try await claims(fixture)
        #expect(next.map(\.job.id) == other)
        try await complete(fixture, next[0])
        #expect(try await claims(fixture).isEmpty)
        #expect(try await fixture.redis.command(["ZCARD", .string(fixture.queue.keys.permits("kind:web_crawl"))]).integer == 0)
        try await fixture.queue.resume("ingest")
        #expect(try await drain(fixture) == paused)
        #expect(try await places(fixture) == [])
    }

    @Test func aResumedQueueGoesOnAtOnceUnderItsLimit() async throws {
        let fixture = try await limited([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        let jobs = try await add(fixture, 3)
        let running = try await claims(fixture)
        try await fixture.queue.pause("ingest")
        try await complete(fixture, running[0])
        #expect(try await claims(fixture).isEmpty)
        try await fixture.queue.resume("ingest")
        #expect(try await drain(fixture) == Array(jobs.dropFirst()))
    }

    @Test func jobsBehindTwoFullLimitsDoNotMoveBetweenThem() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 1), Limit(scope: .kind, name: "web_crawl", concurrency: 1),
        ])
        var ofQueue = try await add(fixture, kind: "document")
        var ofKind = try await add(fixture, queue: "models")
        var running = try await claims(fixture)
        #expect(running.count == 2)
        let waiting = try await add(fixture, 120)
        #expect(try await claims(fixture).isEmpty)
        // Each of the two limits has room in turn, never both: nobody can run, and nobody may move.
        for round in 0..<6 {
            let index = try #require(running.firstIndex { ($0.job.kind == "document") == round.isMultiple(of: 2) })
            try await complete(fixture, running.remove(at: index))
            #expect(try await fixture.length(.urgent) == fixture.pending(.urgent), "nobody was queued")
            #expect(try await claims(fixture).isEmpty)
            if round.isMultiple(of: 2) {
                ofQueue = try await add(fixture, kind: "document", priority: .urgent)
            } else {
                ofKind = try await add(fixture, queue: "models", priority: .urgent)
            }
            let next = try await claims(fixture)
            #expect(next.map(\.job.id) == (round.isMultiple(of: 2) ? ofQueue : ofKind))
            running += next
        }
        for claim in running { try await complete(fixture, claim) }
        #expect(try await drain(fixture) == waiting)
        #expect(try await places(fixture) == [])
    }

    @Test func aKeyThatComesLaterTakesItsTurnAlsoBehindAFullQueue() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 1), Limit(scope: .key, name: "*", concurrency: 100),
        ])
        _ = try await add(fixture, 50, key: "big")
        let running = try await claims(fixture, 100)
        #expect(running.count == 1)
        let small = try await add(fixture, key: "small")
        #expect(try await claims(fixture, 100).isEmpty)
        let order = try await drain(fixture, running)
        #expect(order.count == 51)
        #expect(order.prefix(3).contains(small[0]))
        #expect(try await places(fixture) == [])
    }

    @Test func plainJobsAndLanesShareAFullQueueByAge() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 1), Limit(scope: .key, name: "*", concurrency: 100),
        ])
        let first = try await add(fixture, age: 9000)
        let running = try await claims(fixture)
        #expect(running.map(\.job.id) == first)
        var expected: [JobID] = []
        for age in stride(from: Int64(8000), to: 2000, by: -1000) {
            expected += try await add(fixture, key: age.isMultiple(of: 2000) ? "a" : nil, age: age)
        }
        #expect(try await claims(fixture, 100).isEmpty)
        try await complete(fixture, running[0])
        #expect(try await drain(fixture) == expected)
    }

    @Test func aLaneBehindAFullQueueParksOnlyTheKindThatIsFull() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 1), Limit(scope: .kind, name: "web_crawl", concurrency: 1),
            Limit(scope: .key, name: "*", concurrency: 100),
        ])
        let ofKind = try await add(fixture, queue: "models")
        let first = try await add(fixture, kind: "document")
        var running = try await claims(fixture)
        #expect(running.count == 2)
        let crawl = try await add(fixture, key: "a")
        let document = try await add(fixture, kind: "document", key: "a")
        #expect(try await claims(fixture).isEmpty)
        try await complete(fixture, running.remove(at: running.firstIndex { $0.job.id == first[0] } ?? 0))
        let next = try await claims(fixture)
        #expect(next.map(\.job.id) == document, "the one before it waits for its kind")
        for claim in running + next { try await complete(fixture, claim) }
        #expect(running.map(\.job.id) == ofKind)
        #expect(try await drain(fixture) == crawl)
        #expect(try await places(fixture) == [])
    }

    @Test func prioritiesAreStrictBehindALimitHoweverOldTheOthersAre() async throws {
        let fixture = try await limited([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        let running = try await {
            _ = try await add(fixture); return try await claims(fixture)
        }()
        let old = try await add(fixture, priority: .low, age: 10 * 86_400_000)
        let high = try await add(fixture, priority: .high)
        #expect(try await claims(fixture).isEmpty)
        try await complete(fixture, running[0])
        #expect(try await drain(fixture) == high + old)
    }

    @Test func theLowestPriorityGetsItsShareBehindALimit() async throws {
        let fixture = try await limited([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        _ = try await add(fixture)
        let running = try await claims(fixture)
        _ = try await add(fixture, 60, priority: .high)
        let low = try await add(fixture, 2, priority: .low)
        while !(try await claims(fixture, 100)).isEmpty { Issue.record("the queue is full") }
        let order = try await drain(fixture, running)
        #expect(order.count == 63)
        let places = low.map { order.firstIndex(of: $0) ?? 99 }
        #expect(places == [20, 40], "one of twenty, the first of the lowest first")
    }

    @Test func repairFindsALaneWhoseTicketIsLostOnABusyStream() async throws {
        let fixture = try await limited([])
        let lost = try await add(fixture, key: "a")
        let stream = fixture.queue.keys.stream("ingest", .medium)
        for entry in try await fixture.redis.command(["XRANGE", .string(stream), "-", "+"]).array ?? [] {
            _ = try await fixture.redis.command(["XDEL", .string(stream), .string(entry.array?.first?.string ?? "")])
        }
        _ = try await add(fixture, 3)
        // The stream is never without unread entries.
        _ = try await fixture.queue.repair()
        _ = try await fixture.queue.repair()
        #expect(try await fixture.redis.command(["XLEN", .string(stream)]).integer == 4, "one ticket, however often repair comes by")
        #expect(Set(try await claims(fixture, 4).map(\.job.id)).isSuperset(of: lost))
    }

    @Test func repairTellsALimitOfLanesAndPlacesThatItForgot() async throws {
        let fixture = try await limited([
            Limit(scope: .queue, name: "ingest", concurrency: 1), Limit(scope: .key, name: "*", concurrency: 100),
        ])
        let jobs = try await add(fixture, age: 3000) + add(fixture, age: 2000) + add(fixture, key: "a", age: 1000)
        let running = try await claims(fixture)
        #expect(running.map(\.job.id) == [jobs[0]])
        for key in [fixture.queue.keys.behind("queue:ingest"), fixture.queue.keys.behind("kind:web_crawl"), fixture.queue.keys.parked] {
            _ = try await fixture.redis.command(["DEL", .string(key)])
        }
        #expect(try await fixture.queue.repair() == 0)
        try await complete(fixture, running[0])
        #expect(try await drain(fixture) == Array(jobs.dropFirst()))
    }
}
