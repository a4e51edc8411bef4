import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import PrivateServers
import RedisWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(2))) struct ListTests {
    @Test func aThousandJobsOfBothKindsArePagedWhileOthersAreAdded() async throws {
        let fixture = try await DeskFixture()
        let first = try await submit(1000, to: fixture)
        var seen: [JobID] = []
        var place: JobPosition?
        repeat {
            let page = try await fixture.desk.list(JobFilter(), below: place, limit: 83)
            seen += page.jobs.map(\.job.id)
            #expect(page.jobs.map(\.position) == page.jobs.map(\.position).sorted(by: >))
            #expect(page.jobs.count == 83 || page.next == nil)
            _ = try await submit(20, to: fixture)
            place = page.next
        } while place != nil
        #expect(seen.count == Set(seen).count, "a job came twice")
        #expect(Set(seen) == first)
    }

    /// Two in three are recorded.
    private func submit(_ count: Int, to fixture: DeskFixture) async throws -> Set<JobID> {
        try await withThrowingTaskGroup(of: JobID.self) { group in
            for number in 0..<count {
                group.addTask { try await fixture.desk.submit(fixture.request(number % 3 == 0 ? "note" : "web_crawl")).job.id }
            }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }

    @Test func liveStateIsLaidOverRowsAndEndsAreNot() async throws {
        let fixture = try await DeskFixture()
        let done = try await fixture.desk.submit(fixture.request()).job
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        _ = try await fixture.desk.finish(claim, as: .completed(["n": 1]))
        _ = try await fixture.redis.command(["HSET", .string(fixture.desk.queue.keys.job(done.id)), "status", "processing"])
        let running = try await fixture.desk.submit(fixture.request()).job
        let second = try #require(try await fixture.claimed())
        _ = try await fixture.desk.queue.report(
            JobEvent(.progress), progress: JobProgress(percent: 40, step: "fetch", message: "m"), of: second)
        let jobs = try await fixture.desk.list(JobFilter(), below: nil, limit: 10).jobs.map(\.job)
        #expect(jobs.map(\.id) == [running.id, done.id])
        #expect(jobs.map(\.state) == [.processing, .completed])
        #expect(jobs.first?.progress == 40)
        #expect(jobs.first?.step == "fetch")
    }

    @Test func aDueJobIsListedAsWhatRedisCallsIt() async throws {
        let fixture = try await DeskFixture()
        var request = fixture.request()
        request.runAt = Timestamp.now.advanced(byMilliseconds: 3_600_000)
        let job = try await fixture.desk.submit(request).job
        #expect(try await listed([.queued], fixture) == [])
        // An hour passes.
        try await fixture.pool.execute("UPDATE jobs SET scheduled_at = now()")
        _ = try await fixture.redis.command(["ZADD", .string(fixture.desk.queue.keys.scheduled), "1", .string(job.id.description)])
        #expect(try await fixture.desk.queue.promote().queued == 1)
        #expect(try await fixture.desk.ledger.job(job.id)?.state == .scheduled)
        #expect(try await listed([.queued], fixture) == [job.id])
        #expect(try await listed([.scheduled], fixture) == [])
    }

    private func listed(_ states: Set<JobState>, _ fixture: DeskFixture) async throws -> [JobID] {
        var filter = JobFilter()
        filter.states = states
        return try await fixture.desk.list(filter, below: nil, limit: 10).jobs.map(\.job.id)
    }

    @Test func unrecordedJobsAreFilteredLikeRows() async throws {
        let fixture = try await DeskFixture()
        var request = fixture.request("note")
        request.subject = "s"
        request.tags = ["a", "b"]
        let note = try await fixture.desk.submit(request).job
        _ = try await submit(5, to: fixture)
        for (change, isThere) in [
            ({ $0.subject = "s" }, true), ({ $0.subject = "t" }, false), ({ $0.tags = ["b", "a"] }, true), ({ $0.tags = ["c"] }, false),
            ({ $0.states = [.queued] }, true), ({ $0.states = [.scheduled] }, false), ({ $0.kinds = ["note"] }, true),
            ({ $0.kinds = ["web_crawl"] }, false), ({ $0.since = note.createdAt }, true), ({ $0.until = note.createdAt }, false),
            ({ $0.flow = JobID() }, false),
        ] as [((inout JobFilter) -> Void, Bool)] {
            var filter = JobFilter()
            change(&filter)
            #expect(
                try await fixture.desk.list(filter, below: nil, limit: 10).jobs.contains { $0.job.id == note.id } == isThere, "\(filter)")
        }
    }

    @Test func manyOfOneMillisecondArePagedThrough() async throws {
        let fixture = try await DeskFixture()
        let time = Timestamp.now
        var ids: Set<JobID> = []
        for _ in 0..<700 {
            var job = Job(id: JobID(), kind: "note", queue: "ingest", input: [:], isRecorded: false)
            job.createdAt = time
            _ = try await fixture.desk.queue.enqueue(job)
            ids.insert(job.id)
        }
        var seen: Set<JobID> = []
        var place: JobPosition?
        repeat {
            let page = try await fixture.desk.list(JobFilter(), below: place, limit: 100)
            seen.formUnion(page.jobs.map(\.job.id))
            place = page.next
        } while place != nil
        #expect(seen == ids)
    }

    @Test func aLiveListNeedsRedisAndAListOfEndsDoesNot() async throws {
        let redis = try await TestRedis.own()
        let fixture = try await DeskFixture(redis: redis)
        let job = try await fixture.desk.submit(fixture.request()).job
        _ = try await fixture.desk.cancel(job.id)
        redis.kill()
        _ = await redis.exit()
        #expect(try await listed([.cancelled, .failed], fixture) == [job.id])
        let error = await #expect(throws: DeskError.self) { try await listed([.queued], fixture) }
        guard case .unavailable = error else {
            Issue.record("not the right refusal")
            return
        }
    }
}
