import JobModel
import JobQueue
import RedisWire
import Synchronization
import TestServers
import Testing

/// Many jobs in one call: those that have most in common go as runs, and each is answered as if it came alone.
@Suite(.timeLimit(.minutes(1))) struct RunTests {
    private func plain(
        _ kind: String = "web_crawl", queue: String = "ingest", priority: JobPriority = .medium, by who: String? = nil, number: Int = 0
    ) -> Job {
        var job = Job(id: JobID(), kind: kind, queue: queue, priority: priority, input: ["n": .integer(Int64(number))], isRecorded: false)
        job.submittedBy = who
        return job
    }

    private func stat(_ fixture: QueueFixture, _ name: String, queue: String = "ingest") async throws -> String? {
        try await fixture.redis.command(["HGET", .string(fixture.queue.keys.stats(queue)), .string(name)]).string
    }

    private func count(_ fixture: QueueFixture, _ key: String) async throws -> Int64? {
        try await fixture.redis.command(["ZCARD", .string(key)]).integer
    }

    @Test(arguments: [true, false]) func runsOfAllSortsAreAcceptedInTheirOrder(hasRareJobs: Bool) async throws {
        let fixture = try await QueueFixture()
        var jobs: [Job] = []
        for number in 0..<60 {
            jobs.append(
                plain(
                    number < 30 ? "web_crawl" : "document", queue: number % 20 < 15 ? "ingest" : "models",
                    priority: JobPriority.allCases[number / 7 % 4], by: number % 11 < 6 ? "k\(number / 11)" : nil, number: number))
            jobs[number].maxAttempts = 1 + number / 25
        }
        if hasRareJobs {
            jobs[10].metadata = ["a": 1]
            jobs[20].scheduledAt = Timestamp.now.advanced(byMilliseconds: 3_600_000)
            jobs[30].state = .waiting
            jobs[40].input = ["text": .string(String(repeating: "x", count: 3000))]
        }
        #expect(try await fixture.queue.enqueue(jobs) == jobs.map { _ in .accepted })
        for job in jobs {
            let kept = try #require(try await fixture.queue.job(job.id))
            #expect(kept.kind == job.kind && kept.queue == job.queue && kept.priority == job.priority && kept.input == job.input)
            #expect(kept.submittedBy == job.submittedBy && kept.maxAttempts == job.maxAttempts && kept.metadata == job.metadata)
            #expect(kept.createdAt == job.createdAt)
        }
        #expect(try await count(fixture, fixture.queue.keys.active) == 60)
        for queue in ["ingest", "models"] {
            let waiting = jobs.filter { $0.queue == queue && $0.scheduledAt == nil && $0.state != .waiting }
            _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
            let claim = try await fixture.queue.claim(for: "w1", from: fixture.queue.keys.streams([queue]), count: 100)
            guard case .claimed(let claimed) = claim else { throw Unexpected(what: "no claim") }
            let expected = [JobPriority.urgent, .high, .medium, .low].flatMap { level in waiting.filter { $0.priority == level } }
            #expect(claimed.claims.map(\.job.id) == expected.map(\.id))
            #expect(claimed.claims.map(\.job.input) == expected.map(\.input))
            #expect(claimed.claims.map(\.job.kind) == expected.map(\.kind))
            #expect(claimed.claims.map(\.job.maxAttempts) == expected.map(\.maxAttempts))
            #expect(try await stat(fixture, "accepted", queue: queue) == String(jobs.count { $0.queue == queue }))
        }
    }

    @Test func anIdThatComesTwiceIsAcceptedOnce() async throws {
        let fixture = try await QueueFixture()
        let jobs = (0..<4).map { plain(number: $0) }
        let call = [jobs[0], jobs[1], jobs[0], jobs[2], jobs[2]]
        #expect(try await fixture.queue.enqueue(call) == [.accepted, .accepted, .exists(.queued), .accepted, .exists(.queued)])
        #expect(try await fixture.length(.medium) == 3)
        #expect(try await stat(fixture, "accepted") == "3")
        let claim = try await fixture.claimed()
        #expect(claim.job.id == jobs[0].id)
        #expect(try await fixture.queue.enqueue([jobs[3], jobs[0], jobs[1]]) == [.accepted, .exists(.processing), .exists(.queued)])
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await fixture.queue.enqueue([jobs[0], jobs[3]]) == [.exists(.completed), .exists(.queued)])
        #expect(try await fixture.length(.medium) == 3)
        #expect(try await count(fixture, fixture.queue.keys.active) == 3)
        #expect(try await stat(fixture, "accepted") == "4")
    }

    @Test func anIdempotencyKeyLeavesAJobPlain() async throws {
        let fixture = try await QueueFixture()
        let jobs = (0..<5).map { plain(number: $0) }
        let key = IdempotencyKey(scope: "s", key: "k", fingerprint: "f")
        let other = IdempotencyKey(scope: "s", key: "k", fingerprint: "g")
        let call = [
            EnqueueRequest(jobs[0]), EnqueueRequest(jobs[1], idempotency: key), EnqueueRequest(jobs[2], idempotency: key),
            EnqueueRequest(jobs[3], idempotency: other), EnqueueRequest(jobs[4]),
        ]
        #expect(try await fixture.queue.enqueue(call) == [.accepted, .accepted, .repeated(jobs[1].id), .conflict(jobs[1].id), .accepted])
        #expect(try await fixture.field("entry", of: jobs[1].id)?.hasPrefix("+") == true)
        #expect(try await fixture.queue.enqueue(plain(), idempotency: key) == .repeated(jobs[1].id))
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let claims = try await fixture.claims(by: "w1", count: 10)
        #expect(claims.map(\.job.id) == [jobs[0].id, jobs[1].id, jobs[4].id])
        #expect(claims.map(\.job.input) == [jobs[0].input, jobs[1].input, jobs[4].input])
    }

    /// What becomes of the job whose number this is; every seventh is not its worker's any more.
    private func outcome(_ number: Int) -> JobOutcome {
        switch number % 9 {
        case 3: .failed(.permanent("no \(number)", type: "no"))
        case 5: .retry(.retry("busy", type: "busy"), afterMilliseconds: 3_600_000)
        case 7: .handBack
        default: .completed(["n": .integer(Int64(number))])
        }
    }

    @Test func endsOfAllSortsGoTogether() async throws {
        let fixture = try await QueueFixture()
        let jobs = (0..<140).map { plain(priority: JobPriority.allCases[$0 / 10 % 4], number: $0) }
        _ = try await fixture.queue.enqueue(jobs)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let claims = try await fixture.claims(by: "w1", count: 200)
        #expect(claims.count == 140)
        let numbers = Dictionary(uniqueKeysWithValues: jobs.enumerated().map { ($1.id, $0) })
        let lost = Set(jobs.indices.filter { $0 % 7 == 6 })
        for number in lost {
            _ = try await fixture.redis.command(["HSET", .string(fixture.queue.keys.job(jobs[number].id)), "lease", "w2:2", "attempt", "2"])
        }
        // All at once: what comes while one call is under way goes in the next one.
        let answers = Mutex<[Int: Settled]>([:])
        for claim in claims {
            let number = numbers[claim.job.id] ?? -1
            fixture.queue.settle(claim, as: outcome(number)) { reply in answers.withLock { $0[number] = try? reply.get() } }
        }
        try await eventually { answers.withLock { $0.count } == 140 }
        var expected: [String: Int] = ["accepted": 140]
        for number in jobs.indices {
            let job = try #require(try await fixture.queue.job(jobs[number].id))
            #expect(answers.withLock { $0[number] } == (lost.contains(number) ? .lost : .settled))
            guard !lost.contains(number) else {
                #expect(job.state == .processing && job.attempt == 2)
                continue
            }
            #expect(job.state == outcome(number).state)
            switch outcome(number) {
            case .completed(let result):
                #expect(job.result == result)
                expected["completed", default: 0] += 1
            case .failed:
                #expect(job.error == "no \(number)")
                expected["failed", default: 0] += 1
            case .retry: expected["retried", default: 0] += 1
            default: expected["handed_back", default: 0] += 1
            }
        }
        let stats = try await fixture.redis.command(["HGETALL", .string(fixture.queue.keys.stats("ingest"))]).fields ?? [:]
        #expect(stats.compactMapValues { Int($0) } == expected)
        #expect(try await count(fixture, fixture.queue.keys.dead) == Int64(expected["failed"] ?? 0))
        #expect(try await count(fixture, fixture.queue.keys.scheduled) == Int64(expected["retried"] ?? 0))
        var held = 0
        for level in StreamLevel.ordinary { held += Int(try await fixture.pending(level) ?? 0) }
        #expect(held == lost.count, "only those that another attempt holds stay pending")
        let again = try await fixture.claims(by: "w1", count: 200)
        #expect(Set(again.map(\.job.id)) == Set(jobs.indices.filter { $0 % 9 == 7 && !lost.contains($0) }.map { jobs[$0].id }))
        #expect(again.allSatisfy { $0.attempt == 2 && $0.job.uncharged == 1 })
    }
}
