import JobModel
import JobQueue
import RedisWire
import Testing

/// Entries that were handed to a worker beside a claim, and what the next claim makes of them.
@Suite(.timeLimit(.minutes(1))) struct DeliveredTests {
    private func fixture(_ limits: [Limit] = []) async throws -> QueueFixture {
        let fixture = try await QueueFixture()
        if !limits.isEmpty { try await fixture.queue.setLimits(limits) }
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        let none = try await fixture.claims(by: "w1")
        #expect(none.isEmpty, "this made the groups")
        return fixture
    }

    private func plain(_ text: String = "x", priority: JobPriority = .medium) -> Job {
        Job(id: JobID(), kind: "web_crawl", queue: "ingest", priority: priority, input: ["text": .string(text)], isRecorded: false)
    }

    private func keyed() -> Job {
        var job = plain("keyed")
        job.concurrencyKey = "a"
        return job
    }

    private func ask(_ fixture: QueueFixture, _ change: (inout ClaimRequest) -> Void) async throws -> (Claimed, [DeliveredEntry]) {
        var request = ClaimRequest(fixture.queue.keys.streams(["ingest"]))
        change(&request)
        let answer = try await fixture.queue.ask(request, for: "w1")
        guard case .claimed(let claimed) = try fixture.queue.read(answer, of: request, for: "w1") else {
            throw Unexpected(what: "no claim")
        }
        return (claimed, answer.delivered)
    }

    /// What is unread of a stream, for a worker.
    private func read(_ fixture: QueueFixture, _ level: StreamLevel = .medium) async throws -> [DeliveredEntry] {
        try await ask(fixture) { $0.aside = (fixture.queue.keys.stream("ingest", level), 100) }.1
    }

    private func claim(_ fixture: QueueFixture, _ delivered: [DeliveredEntry]) async throws -> Claimed {
        try await ask(fixture) { $0.delivered = delivered }.0
    }

    private func addForeign(_ fixture: QueueFixture) async throws {
        _ = try await fixture.redis.command([
            "XADD", .string(fixture.queue.keys.stream("ingest", .medium)), "*", "job_id", "abc", "source_type", "html", "source_uri",
            "http://h/",
        ])
    }

    /// One of each: plain, with a large input, cancelled later, with metadata, of another program, with a concurrency key.
    private func mixed(_ fixture: QueueFixture) async throws -> [Job] {
        let jobs = [plain(), plain(String(repeating: "x", count: 2000)), plain("cancelled"), fixture.job()]
        #expect(try await fixture.queue.enqueue(jobs) == jobs.map { _ in .accepted })
        try await addForeign(fixture)
        let last = keyed()
        _ = try await fixture.queue.enqueue(last)
        return jobs + [last]
    }

    @Test func aBatchBringsWhateverStillWaits() async throws {
        let fixture = try await fixture()
        let jobs = try await mixed(fixture)
        let delivered = try await read(fixture)
        #expect(delivered.count == 6)
        _ = try await fixture.queue.endUnclaimed(jobs[2].id, because: .cancelled)
        let claimed = try await claim(fixture, delivered)
        let expected = [jobs[0], jobs[1], jobs[3], jobs[4]]
        #expect(claimed.claims.map(\.job.id) == expected.map(\.id))
        #expect(claimed.claims.map(\.job.input) == expected.map(\.input))
        #expect(claimed.claims.map(\.job.metadata) == expected.map(\.metadata))
        #expect(claimed.claims.allSatisfy { $0.attempt == 1 && $0.worker == "w1" && $0.job.state == .processing })
        #expect(claimed.foreign.map(\.fields["job_id"]) == ["abc"])
        #expect(try await fixture.length(.medium) == 5, "the cancelled job's entry is gone")
        for claim in claimed.claims { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await fixture.length(.medium) == 1)
        #expect(try await fixture.pending(.medium) == 1, "it waits to be adopted")
    }

    @Test func aBatchOfAPausedQueueGoesBackInItsOrder() async throws {
        let fixture = try await fixture()
        let jobs = try await mixed(fixture)
        let delivered = try await read(fixture)
        _ = try await fixture.queue.endUnclaimed(jobs[2].id, because: .cancelled)
        try await fixture.queue.pause("ingest")
        let nothing = try await claim(fixture, delivered)
        #expect(nothing.claims.isEmpty && nothing.foreign.isEmpty && nothing.paused == ["ingest"])
        #expect(try await fixture.pending(.medium) == 0)
        #expect(try await fixture.field("entry", of: jobs[0].id)?.hasPrefix("+") == true, "its entry still says all")
        #expect(try await fixture.field("entry", of: jobs[1].id)?.hasPrefix("+") == false)
        #expect(try await fixture.length(.urgent) == 0, "nothing rises by a pause")
        try await fixture.queue.resume("ingest")
        let stale = try await claim(fixture, delivered)
        #expect(stale.claims.isEmpty && stale.foreign.isEmpty, "their jobs have other entries by now")
        let (claimed, _) = try await ask(fixture) { $0.count = 10 }
        let expected = [jobs[0], jobs[1], jobs[3], jobs[4]]
        #expect(claimed.claims.map(\.job.id) == expected.map(\.id))
        #expect(claimed.claims.map(\.job.input) == expected.map(\.input))
        #expect(claimed.foreign.map(\.fields["job_id"]) == ["abc"])
    }

    @Test func jobsThatAreReadBesideThoseThatDoNotWaitAnyMoreAreBrought() async throws {
        let fixture = try await fixture()
        let jobs = [plain("cancelled"), plain(), plain()]
        _ = try await fixture.queue.enqueue(jobs)
        let delivered = try await read(fixture)
        _ = try await fixture.queue.endUnclaimed(jobs[0].id, because: .cancelled)
        let others = [plain(priority: .urgent), plain(priority: .high)]
        _ = try await fixture.queue.enqueue(others)
        let (claimed, _) = try await ask(fixture) { ($0.delivered, $0.count) = (delivered, 10) }
        #expect(claimed.claims.map(\.job.id) == jobs.dropFirst().map(\.id) + others.map(\.id))
    }

    @Test func entriesOfSeveralStreamsThatGoWithoutAClaimAllGo() async throws {
        let fixture = try await fixture()
        let levels = [JobPriority.urgent, .high, .medium, .low]
        let jobs = levels.map { plain(priority: $0) }
        _ = try await fixture.queue.enqueue(jobs)
        for job in jobs { _ = try await fixture.queue.endUnclaimed(job.id, because: .cancelled) }
        let none = try await fixture.claims(by: "w1", count: 10)
        #expect(none.isEmpty)
        for level in StreamLevel.ordinary {
            #expect(try await fixture.length(level) == 0)
            #expect(try await fixture.pending(level) == 0)
        }
    }

    /// Another program's entries have the fields that it likes.
    @Test func anEntryOfAnotherProgramIsKnownByItsSourceTypeAlone() async throws {
        let fixture = try await fixture()
        let stream = RedisArgument.string(fixture.queue.keys.stream("ingest", .medium))
        _ = try await fixture.redis.command(["XADD", stream, "*", "job_id", "abc", "source_type", "html"])
        _ = try await fixture.redis.command(["XADD", stream, "*", "source_type", "html", "kind", "x"])
        let (claimed, _) = try await ask(fixture) { $0.count = 10 }
        #expect(claimed.foreign.map { $0.fields.count } == [2, 2])
    }

    /// Our tickets have a field of this name too.
    @Test func anEntryOfAnotherProgramWithAKeyIsAdoptedOnce() async throws {
        let fixture = try await fixture()
        let stream = RedisArgument.string(fixture.queue.keys.stream("ingest", .medium))
        _ = try await fixture.redis.command(["XADD", stream, "*", "key", "x", "source_type", "html", "source_uri", "http://h/"])
        let (claimed, _) = try await ask(fixture) { $0.count = 10 }
        #expect(claimed.foreign.count == 1)
        let held = try #require(try await fixture.queue.held(by: "w1", on: fixture.streams).first)
        #expect(try await fixture.queue.release(held, of: "w1", crashed: false) == .foreign)
        #expect(try await fixture.length(.medium) == 1, "a copy would be another job")
    }

    @Test func anEntryThatItsProgramTookAwayIsNotHeldAnyMore() async throws {
        let fixture = try await fixture()
        try await addForeign(fixture)
        let delivered = try await read(fixture)
        let stream = RedisArgument.string(fixture.queue.keys.stream("ingest", .medium))
        for entry in delivered { _ = try await fixture.redis.command(["XDEL", stream, .string(entry.entry)]) }
        #expect(try await fixture.pending(.medium) == 1)
        #expect(try await claim(fixture, delivered).foreign.isEmpty)
        #expect(try await fixture.pending(.medium) == 0)
    }

    /// As after a reply that was lost.
    @Test(arguments: [true, false]) func aBatchThatIsClaimedAgainChangesNothing(isPaused: Bool) async throws {
        let fixture = try await fixture()
        let jobs = [plain(), plain(String(repeating: "x", count: 2000)), keyed(), fixture.job()]
        _ = try await fixture.queue.enqueue(jobs)
        let delivered = try await read(fixture)
        let claimed = try await claim(fixture, delivered)
        #expect(claimed.claims.map(\.job.id) == jobs.map(\.id))
        if isPaused { try await fixture.queue.pause("ingest") }
        let again = try await claim(fixture, delivered)
        #expect(again.claims.isEmpty && again.foreign.isEmpty)
        #expect(try await fixture.pending(.medium) == 4)
        #expect(try await fixture.length(.medium) == 4)
        #expect(try await fixture.length(.urgent) == 0)
        for claim in claimed.claims { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test func aWorkerThatDiedBetweenReadAndClaimTakesNothing() async throws {
        let fixture = try await fixture()
        let jobs = [plain(), plain(), keyed()]
        _ = try await fixture.queue.enqueue(jobs)
        let delivered = try await read(fixture)
        let seen = try #require(try await fixture.queue.observe(fixture.streams).first { $0.worker == "w1" })
        #expect(try await fixture.queue.markDead(seen))
        for held in try await fixture.queue.held(by: "w1", on: fixture.streams) {
            #expect(try await fixture.queue.release(held, of: "w1", crashed: true) == .released)
        }
        var request = ClaimRequest(fixture.queue.keys.streams(["ingest"]))
        request.delivered = delivered
        let answer = try await fixture.queue.ask(request, for: "w1")
        guard case .dead = try fixture.queue.read(answer, of: request, for: "w1") else { throw Unexpected(what: "it may claim") }
        _ = try await fixture.queue.beat(fixture.card("w2"), running: 0)
        #expect(Set(try await fixture.claims(by: "w2", count: 10).map(\.job.id)) == Set(jobs.map(\.id)))
    }

    /// What a worker was handed may belong to nobody or to another one by now: its job has a new entry.
    @Test func whatWasGivenBackMeanwhileIsNotTaken() async throws {
        let fixture = try await fixture()
        let jobs = [plain(), keyed()]
        _ = try await fixture.queue.enqueue(jobs)
        try await addForeign(fixture)
        let delivered = try await read(fixture)
        for held in try await fixture.queue.held(by: "w1", on: fixture.streams) {
            _ = try await fixture.queue.release(held, of: "w1", crashed: false)
            if held.fields["source_type"] != nil { try await fixture.queue.discard(stream: held.stream, entry: held.entry) }
        }
        let claimed = try await claim(fixture, delivered)
        #expect(claimed.claims.isEmpty && claimed.foreign.isEmpty)
        #expect(Set(try await fixture.claims(by: "w1", count: 10).map(\.job.id)) == Set(jobs.map(\.id)))
    }

    @Test func aStreamThatIsReadAsideIsNotClaimedFrom() async throws {
        let fixture = try await fixture()
        let (low, medium) = (plain(priority: .low), plain())
        _ = try await fixture.queue.enqueue([low, medium])
        let (claimed, delivered) = try await ask(fixture) {
            ($0.count, $0.lowestFirst) = (2, 1)
            $0.aside = (fixture.queue.keys.stream("ingest", .low), 10)
        }
        #expect(claimed.claims.map(\.job.id) == [medium.id])
        #expect(delivered.map(\.jobID) == [low.id])
    }

    @Test func aReadAsideOfALostGroupBringsNothingAndTheClaimBesideItCounts() async throws {
        let fixture = try await fixture()
        let (low, urgent) = (plain(priority: .low), plain(priority: .urgent))
        _ = try await fixture.queue.enqueue([low, urgent])
        let stream = fixture.queue.keys.stream("ingest", .low)
        _ = try await fixture.redis.command(["XGROUP", "DESTROY", .string(stream), "workers"])
        let (claimed, delivered) = try await ask(fixture) {
            $0.count = 1
            $0.aside = (stream, 10)
        }
        #expect(delivered.isEmpty)
        #expect(claimed.claims.map(\.job.id) == [urgent.id])
        #expect(try await fixture.claims(by: "w1").map(\.job.id) == [low.id], "a claim makes the group again, from the start")
    }

    @Test(arguments: [true, false]) func aGroupThatIsLostBetweenReadAndClaimLosesNoJob(isPaused: Bool) async throws {
        let fixture = try await fixture()
        let jobs = [plain(), keyed()]
        _ = try await fixture.queue.enqueue(jobs)
        let delivered = try await read(fixture)
        _ = try await fixture.redis.command(["XGROUP", "DESTROY", .string(fixture.queue.keys.stream("ingest", .medium)), "workers"])
        if isPaused { try await fixture.queue.pause("ingest") }
        var brought = try await claim(fixture, delivered).claims
        #expect(brought.count == (isPaused ? 0 : 1))
        if isPaused { try await fixture.queue.resume("ingest") }
        brought += try await fixture.claims(by: "w1", count: 10)
        #expect(brought.map(\.job.id) == jobs.map(\.id))
        for claim in brought { #expect(try await fixture.queue.settle(claim, as: .completed([:])) == .settled) }
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test func aLimitParksWhatItDoesNotLetRun() async throws {
        let fixture = try await fixture([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        let jobs = (0..<3).map { _ in plain() }
        _ = try await fixture.queue.enqueue(jobs)
        var running = try await claim(fixture, read(fixture)).claims
        var order: [JobID] = []
        while let claim = running.first {
            #expect(running.count == 1)
            order.append(claim.job.id)
            _ = try await fixture.queue.settle(claim, as: .completed([:]))
            running = try await fixture.claims(by: "w1", count: 10)
        }
        #expect(Set(order) == Set(jobs.map(\.id)) && order.count == 3)
        #expect(try await fixture.length(.medium) == 0)
    }

    @Test func whatIsSaidOfAJobMeanwhileComesWithIt() async throws {
        let fixture = try await fixture()
        let jobs = [plain(), plain()]
        _ = try await fixture.queue.enqueue(jobs)
        let delivered = try await read(fixture)
        try await fixture.queue.setSubject("Physics", of: [jobs[0].id])
        _ = try await fixture.queue.requestCancel(jobs[1].id)
        let claims = try await claim(fixture, delivered).claims
        #expect(claims.map(\.job.subject) == ["Physics", nil])
        #expect(claims.map(\.job.cancelRequested) == [false, true])
    }

    @Test func anEntryCarriesInputsOfAKibibyte() async throws {
        let fixture = try await fixture()
        let frame = plain("").input.bytes.count
        let jobs = [1024, 1025].map { plain(String(repeating: "x", count: $0 - frame)) }
        _ = try await fixture.queue.enqueue(jobs)
        #expect(try await fixture.field("entry", of: jobs[0].id)?.hasPrefix("+") == true)
        #expect(try await fixture.field("entry", of: jobs[1].id)?.hasPrefix("+") == false)
        let claims = try await claim(fixture, read(fixture)).claims
        #expect(claims.map(\.job.input) == jobs.map(\.input))
    }
}
