import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct DeskTests {
    @Test func aRecordedJobIsInSQLBeforeItIsQueued() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        #expect(try await fixture.desk.ledger.job(job.id)?.state == .queued)
        #expect(try await fixture.desk.queue.job(job.id)?.state == .queued)
        #expect(try await fixture.desk.read(job.id).input["max_pages"] == 10)
    }

    @Test func badRequestsAreRefusedWithTheirReasons() async throws {
        let fixture = try await DeskFixture()
        let unknown = await #expect(throws: DeskError.self) { try await fixture.desk.submit(JobRequest(kind: "nothing", input: [:])) }
        guard case .unknownKind("nothing", let known) = unknown else {
            Issue.record("not the unknown kind")
            return
        }
        #expect(known == ["web_crawl", "note"])
        let invalid = await #expect(throws: DeskError.self) { try await fixture.desk.submit(JobRequest(kind: "web_crawl", input: [:])) }
        guard case .invalid(let faults) = invalid else {
            Issue.record("not invalid")
            return
        }
        #expect(faults.map(\.pointer) == ["#/input/url"])
    }

    @Test func twentyRequestsWithOneKeyMakeOneJob() async throws {
        let fixture = try await DeskFixture()
        let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
            for _ in 0..<20 { group.addTask { try await fixture.desk.submit(fixture.request(key: "k")).job.id } }
            return try await group.reduce(into: Set<JobID>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await fixture.redis.command(["XLEN", .string(fixture.desk.queue.keys.stream("ingest", .medium))]).integer == 1)
        let conflict = await #expect(throws: DeskError.self) {
            try await fixture.desk.submit(fixture.request(key: "k", url: "http://other/"))
        }
        guard case .idempotencyConflict = conflict else {
            Issue.record("not a conflict")
            return
        }
    }

    @Test func theEndIsInSQLAndInRedis() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        guard case .go = try await fixture.desk.start(claim) else {
            Issue.record("refused")
            return
        }
        #expect(try await fixture.desk.ledger.job(job.id)?.state == .processing)
        #expect(try await fixture.desk.finish(claim, as: .completed(["n": 1])) == .settled)
        #expect(try await fixture.desk.ledger.job(job.id)?.result == ["n": 1])
        #expect(try await fixture.desk.read(job.id).state == .completed)
        #expect(try await fixture.desk.finish(claim, as: .completed(["n": 1])) == .settled, "the same lease may say so again")
    }

    @Test func aDeadWorkersLateResultChangesNothing() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let late = try #require(try await fixture.claimed(by: "w1"))
        _ = try await fixture.desk.start(late)
        #expect(try await fixture.markDead("w1"))
        #expect(try await fixture.desk.recover("w1", streams: fixture.streams) == 1)
        #expect(try await fixture.desk.finish(late, as: .completed(["by": "late"])) == .lost)
        #expect(try await fixture.desk.read(job.id).state == .queued)
        let second = try #require(try await fixture.claimed(by: "w2", [.suspect]))
        _ = try await fixture.desk.start(second)
        #expect(try await fixture.desk.finish(second, as: .completed(["by": "second"])) == .settled)
        #expect(try await fixture.desk.finish(late, as: .failed(.permanent("x", type: "x"))) == .lost)
        #expect(try await fixture.desk.read(job.id).result == ["by": "second"])
        #expect(try await fixture.desk.ledger.job(job.id)?.result == ["by": "second"])
    }

    @Test func aLossOfRedisQueuesLiveJobsAgainAndNoEndedOnes() async throws {
        let fixture = try await DeskFixture()
        let waiting = try await fixture.desk.submit(fixture.request()).job
        let first = try #require(try await fixture.claimed())
        #expect(first.job.id == waiting.id)
        _ = try await fixture.desk.start(first)
        let ended = try await fixture.desk.submit(fixture.request()).job
        let second = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(second)
        _ = try await fixture.desk.finish(second, as: .completed([:]))
        try await fixture.forgetRedis()
        #expect(try await fixture.desk.read(ended.id).state == .completed)
        #expect(try await fixture.desk.reconcile(olderThan: 0) == 1)
        #expect(try await fixture.desk.reconcile(olderThan: 0) == 0)
        let again = try #require(try await fixture.claimed(by: "w2"))
        #expect(again.job.id == waiting.id)
        #expect(again.attempt == 2, "attempt numbers never start again")
        #expect(again.job.input == waiting.input)
    }

    @Test func aWatcherFollowsAJobOverALossOfRedis() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let first = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(first)
        for _ in 0..<20 { _ = try await fixture.desk.queue.report(JobEvent(.log), progress: nil, of: first) }
        var watch = try await fixture.desk.events(of: job.id, after: nil).makeAsyncIterator()
        for _ in 0..<22 { _ = try await watch.next() }
        try await fixture.forgetRedis()
        _ = try await fixture.desk.reconcile(olderThan: 0)
        let second = try #require(try await fixture.claimed(by: "w2"))
        _ = try await fixture.desk.start(second)
        _ = try await fixture.desk.finish(second, as: .completed([:]))
        var last: WatchedEvent?
        while let event = try await watch.next() { last = event }
        #expect(last?.name == "completed")
    }

    @Test func aJobThatSQLHasEndedIsNotRunAgain() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        _ = try await fixture.desk.ledger.endUnclaimed(job.id, as: .cancelled(.cancelled), at: .now, by: "test")
        let claim = try #require(try await fixture.claimed())
        guard case .refused = try await fixture.desk.start(claim) else {
            Issue.record("it was started")
            return
        }
        #expect(try await fixture.desk.queue.job(job.id)?.state == .cancelled, "Redis follows the row")
    }

    @Test func cancellingAWaitingJobEndsItInBothStores() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        #expect(try await fixture.desk.cancel(job.id).state == .cancelled)
        #expect(try await fixture.desk.ledger.job(job.id)?.state == .cancelled)
        #expect(try await fixture.desk.queue.job(job.id)?.state == .cancelled)
        #expect(try await fixture.claimed() == nil)
        #expect(try await fixture.desk.cancel(job.id).state == .cancelled, "a second cancel is no error")
    }

    @Test func cancellingARunningJobLeavesTheEndToItsWorker() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        let now = try await fixture.desk.cancel(job.id)
        #expect(now.state == .processing)
        #expect(now.cancelRequested)
        _ = try await fixture.desk.finish(claim, as: .cancelled(.cancelled))
        #expect(try await fixture.desk.read(job.id).state == .cancelled)
    }

    @Test func anEndedJobCannotBeCancelled() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        _ = try await fixture.desk.finish(claim, as: .completed([:]))
        let error = await #expect(throws: DeskError.self) { try await fixture.desk.cancel(job.id) }
        guard case .alreadyEnded(let ended) = error else {
            Issue.record("not the right refusal")
            return
        }
        #expect(ended.state == .completed)
    }

    @Test func anUnknownJobIsNotFound() async throws {
        let fixture = try await DeskFixture()
        for call in [fixture.desk.read, fixture.desk.cancel] as [(JobID) async throws(DeskError) -> Job] {
            let error = await #expect(throws: DeskError.self) { try await call(JobID()) }
            guard case .notFound = error else {
                Issue.record("not the right refusal")
                return
            }
        }
    }

    @Test func anEntryOfAnotherProgramBecomesAJob() async throws {
        let fixture = try await DeskFixture()
        let stream = fixture.desk.queue.keys.stream("ingest", .medium)
        let entry = try #require(
            try await fixture.redis.command([
                "XADD", .string(stream), "*", "job_id", "abc123", "source_type", "web_crawl", "source_uri", "http://h/", "status", "queued",
                "metadata", #"{"max_pages":5,"team":"x"}"#,
            ]).string)
        #expect(try await fixture.claimed() == nil, "the first look adopts it")
        let claim = try #require(try await fixture.claimed())
        #expect(claim.job.id == JobID(stream: stream, entry: entry))
        #expect(claim.job.input == ["url": "http://h/", "max_pages": 5])
        #expect(claim.job.metadata["foreign_job_id"] == "abc123")
        #expect(claim.job.metadata["team"] == "x")
        #expect(try await fixture.desk.ledger.job(claim.job.id) != nil)
        #expect(try await fixture.redis.command(["XLEN", .string(stream)]).integer == 1)
    }

    @Test func unrecordedKindsStayOutOfSQL() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request("note", key: "k")).job
        #expect(try await fixture.desk.ledger.job(job.id) == nil)
        #expect(try await fixture.desk.submit(fixture.request("note", key: "k")).novelty == .replay)
        let claim = try #require(try await fixture.claimed())
        #expect(try await fixture.desk.finish(claim, as: .completed([:])) == .settled)
        #expect(try await fixture.desk.read(job.id).state == .completed)
    }

    @Test func aJobThatEndedBeforeItsLoneProcessDiedIsNotBuried() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        for (key, field, value) in [
            (fixture.desk.queue.keys.job(job.id), "crashes", "2"), (fixture.desk.queue.keys.worker("w1"), "suspects", "1"),
        ] {
            _ = try await fixture.redis.command(["HSET", .string(key), .string(field), .string(value)])
        }
        _ = try await fixture.desk.ledger.record(.completed(["n": 1]), of: claim, at: .now)
        #expect(try await fixture.markDead("w1"))
        _ = try await fixture.desk.recover("w1", streams: fixture.streams)
        #expect(try await fixture.desk.queue.job(job.id)?.state == .completed)
    }

    @Test func aJobWhoseRowIsGoneEnds() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        try await fixture.pool.execute("DELETE FROM jobs")
        guard case .refused = try await fixture.desk.start(claim) else {
            Issue.record("a job without a row was started")
            return
        }
        #expect(try await fixture.desk.read(job.id).errorType == "row_gone")
    }

    @Test func aJobThatKillsThreeLoneProcessesIsBuried() async throws {
        let fixture = try await DeskFixture()
        let job = try await fixture.desk.submit(fixture.request()).job
        for number in 0...3 {
            let worker = "w\(number)"
            let card = WorkerCard(
                name: worker, host: "h", processID: 1, version: "1", queues: ["ingest"], slots: 1, isForSuspects: number > 0)
            _ = try await fixture.desk.queue.beat(card, running: 0)
            let claim = try #require(try await fixture.claimed(by: worker, number == 0 ? StreamLevel.ordinary : [.suspect]))
            _ = try await fixture.redis.command([
                "HSET", .string(fixture.desk.queue.keys.worker(worker)), "suspects", number > 0 ? "1" : "0",
            ])
            _ = try await fixture.desk.start(claim)
            #expect(try await fixture.markDead(worker))
            _ = try await fixture.desk.recover(worker, streams: fixture.streams)
        }
        let buried = try await fixture.desk.read(job.id)
        #expect(buried.state == .failed)
        #expect(buried.errorType == "poisoned")
        #expect(try await fixture.desk.ledger.job(job.id)?.errorType == "poisoned")
    }
}
