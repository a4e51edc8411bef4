import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import PrivateServers
import RedisWire
import Synchronization
import TestServers
import Testing

/// What docs/backup.md promises of an installation that goes on from a backup, store by store.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RestoreTests {
    /// Jobs in every state at the moment of the copies, and what came after it.
    private struct Story {
        var done: JobID, dead: JobID, held: JobID, doomed: JobID, later: JobID, flow: [String: JobID]
        var dump = "", redisCopy = ""
        var afterwards: JobID?, waiting: JobID?, scheduled: JobID?
        /// Accepted one after the other before, while and after the dump was taken.
        var stream: [JobID] = []
    }

    private func key(_ name: String) -> IdempotencyKey { IdempotencyKey(scope: "t", key: name, fingerprint: "f") }
    private func distantFuture() -> Timestamp { Timestamp.now.advanced(byMilliseconds: 3_600_000) }

    /// Everything until the disaster. When it returns, no worker runs.
    private func tell(_ fixture: RestoreFixture) async throws -> Story {
        let room = try await fixture.room()
        var story = try await room.working { _ in
            var story = Story(
                done: try await room.submit([:]) { $0.idempotency = key("done") }, dead: try await room.submit(["fail": 1]),
                held: try await room.submit(["hold": 1]) { $0.uniqueness = Uniqueness(key: "u", span: .whileActive) },
                doomed: try await room.submit(["hold": 1]),
                later: try await room.submit([:]) { $0.runAt = distantFuture() }, flow: try await room.flow(["hold": 1]))
            let parent = try #require(story.flow["parent"])
            for (id, state) in [(story.done, JobState.completed), (story.dead, .failed)] { try await room.settles(id, as: state) }
            try await eventually { [story.held, story.doomed, parent].allSatisfy { fixture.steps(of: $0) == 1 } }
            try await eventually { try await room.desk.ledger.stepNames(of: story.held) == ["first"] }
            for missed in [Schedule.MissedRuns.runOnce, .skip] {
                var draft = ScheduleDraft(name: missed.rawValue, expression: "*/5 * * * *", request: JobRequest(kind: "task", input: [:]))
                draft.missed = missed
                _ = try await room.desk.createSchedule(draft)
            }
            story.redisCopy = try await fixture.copyOfRedis()
            (story.stream, story.dump) = try await dumpUnderLoad(fixture, room)
            _ = try await room.desk.cancel(story.doomed)
            try await room.settles(story.doomed, as: .cancelled)
            fixture.gate.open()
            for id in [story.held, parent] + story.flow.values { try await room.settles(id, as: .completed) }
            story.afterwards = try await room.submit([:]) { $0.idempotency = key("afterwards") }
            try await room.settles(try #require(story.afterwards), as: .completed)
            for id in story.stream { try await room.settles(id, as: .completed) }
            return story
        }
        story.waiting = try await room.submit([:])
        story.scheduled = try await room.submit([:]) { $0.runAt = distantFuture() }
        return story
    }

    private func dumpUnderLoad(_ fixture: RestoreFixture, _ room: RunnerFixture) async throws -> ([JobID], String) {
        let isOver = Mutex(false)
        async let stream: [JobID] = {
            var ids: [JobID] = []
            while !isOver.withLock({ $0 }) || ids.count < 30 { ids.append(try await room.submit([:])) }
            return ids
        }()
        let dump = try await fixture.backUp()
        isOver.withLock { $0 = true }
        return (try await stream, dump)
    }

    private func outcomes(_ room: RunnerFixture, _ id: JobID) async throws -> [String?] {
        try await room.desk.ledger.attempts(of: [id], last: 10)[id]?.map(\.outcome) ?? []
    }

    /// What does not depend on what Redis remembers.
    private func checkRest(_ story: Story, _ room: RunnerFixture, _ fixture: RestoreFixture) async throws {
        #expect(fixture.runs(of: story.done) == 1)
        #expect(try await room.desk.read(story.done).result?["attempt"] == 1)
        #expect(try await room.submission([:]) { $0.idempotency = key("done") }.job.id == story.done)
        #expect(try await room.desk.messages(of: story.done.description, after: 0, limit: 5).count == 1)
        _ = try await room.desk.retry(story.dead)
        try await room.settles(story.dead, as: .completed)
        #expect(try await outcomes(room, story.dead) == ["failed", "completed"])
        _ = try await room.desk.promote(story.later)
        try await room.settles(story.later, as: .completed)
        try await eventually {
            let mark = try await room.desk.queue.generation()
            return try await room.desk.ledger.generation() == mark
        }
    }

    /// Hours without anybody make one run, or none.
    private func checkSchedules(_ room: RunnerFixture) async throws {
        let isPast =
            "UPDATE schedules SET next_run_at = date_trunc('hour', now() - interval '3 hours'), anchor_at = now() - interval '1 day'"
        try await room.pool.execute(isPast)
        let runs = "SELECT metadata ->> 'schedule' AS name FROM jobs WHERE metadata ? 'schedule'"
        try await eventually(within: .seconds(20)) {
            try await room.pool.query("SELECT 1 FROM schedules WHERE next_run_at <= now()").isEmpty
        }
        #expect(try await room.pool.query(runs).map { try $0.string("name") } == ["run_once"])
    }

    @Test func aDumpWithAnEmptyRedisGoesOnFromTheDump() async throws {
        let fixture = try await RestoreFixture()
        let story = try await tell(fixture)
        let empty = try await TestRedis.own()
        let room = try await fixture.room(database: fixture.restore(story.dump), redis: empty)
        #expect(try await room.desk.ledger.pendingMigrations() == [])
        // Before anything is queued again, the row holds the unique key.
        let twin = try await room.submission([:]) { $0.uniqueness = Uniqueness(key: "u", span: .whileActive) }
        #expect(twin.job.id == story.held && twin.novelty == .duplicate)
        let parent = try #require(story.flow["parent"])
        let child = try #require(story.flow["child"])
        try await room.working { _ in
            for id in [story.held, story.doomed, parent, child] { try await room.settles(id, as: .completed) }
            #expect(try await room.desk.read(story.held).result?["attempt"] == 2, "attempt numbers go on")
            #expect(fixture.runs(of: story.held) == 2 && fixture.steps(of: story.held) == 1, "a finished step is not run again")
            #expect(try await outcomes(room, story.held) == ["overtaken", "completed"])
            #expect(try await room.desk.read(child).result?["parents"] == [2], "it ran after its parent had run again")
            #expect(try await outcomes(room, child) == ["completed"])
            #expect(try await room.desk.messages(of: story.held.description, after: 0, limit: 5).map(\.message.content) == ["2"])
            for id in [story.afterwards, story.waiting, story.scheduled] {
                let gone = try #require(id)
                await #expect(throws: DeskError.self) { try await room.desk.read(gone) }
            }
            #expect(
                try await room.submission([:]) { $0.idempotency = key("afterwards") }.job.id != story.afterwards, "it is asked for anew")
            let known = try await room.desk.ledger.jobs(story.stream).keys
            for id in known { try await room.settles(id, as: .completed) }
            try await checkRest(story, room, fixture)
            try await checkSchedules(room)
        }
        await empty.stop()
        await fixture.stop()
    }

    @Test func aDumpWithANewerRedisTakesItsCompletionsBack() async throws {
        let fixture = try await RestoreFixture()
        let story = try await tell(fixture)
        let room = try await fixture.room(database: fixture.restore(story.dump))
        let parent = try #require(story.flow["parent"])
        let child = try #require(story.flow["child"])
        let afterwards = try #require(story.afterwards)
        let waiting = try #require(story.waiting)
        let scheduled = try #require(story.scheduled)
        try await room.working { _ in
            for id in [story.held, parent, child] {
                try await room.settles(id, as: .completed)
                #expect(fixture.runs(of: id) == 1, "what was shown as completed is completed, and not run again")
                #expect(try await room.desk.ledger.job(id)?.result?["attempt"] == 1)
            }
            try await room.settles(story.doomed, as: .completed)
            #expect(fixture.runs(of: story.doomed) == 2, "a cancel may have been undone by a retry: it runs again")
            #expect(try await room.desk.read(afterwards).state == .completed, "shown while Redis remembers it")
            _ = try await room.desk.promote(scheduled)
            for id in [waiting, scheduled] {
                let job = try await room.ended(id)
                #expect(job.state == .failed && job.errorType == "row_gone")
                #expect(fixture.runs(of: id) == 0)
            }
            let known = try await room.desk.ledger.jobs(story.stream).keys
            for id in known { try await room.settles(id, as: .completed) }
            for id in story.stream { #expect(fixture.runs(of: id) == 1) }
            try await checkRest(story, room, fixture)
            try await checkSchedules(room)
        }
        await fixture.stop()
    }

    @Test func anOlderRedisFollowsTheRows() async throws {
        let fixture = try await RestoreFixture()
        let story = try await tell(fixture)
        let old = try await PrivateRedis.start(in: story.redisCopy, persistent: true)
        let room = try await fixture.room(redis: old)
        let waiting = try #require(story.waiting)
        let scheduled = try #require(story.scheduled)
        try await room.working { _ in
            try await room.settles(waiting, as: .completed)
            for id in [story.held] + story.flow.values + story.stream {
                #expect(fixture.runs(of: id) == 1)
                #expect(try await room.desk.read(id).state == .completed)
                try await eventually(within: .seconds(30)) { try await room.desk.queue.job(id)?.state.isTerminal != false }
            }
            #expect(try await room.desk.read(try #require(story.afterwards)).state == .completed)
            try await room.settles(story.doomed, as: .cancelled)
            try await eventually(within: .seconds(20)) { try await room.desk.queue.job(scheduled)?.state == .scheduled }
            try await checkRest(story, room, fixture)
        }
        await old.stop()
        await fixture.stop()
    }

    @Test func aRestoreIntoADatabaseThatIsNotEmptyIsRefused() async throws {
        let fixture = try await RestoreFixture()
        let room = try await fixture.room()
        let id = try await room.submit([:])
        let dump = try await fixture.backUp()
        await #expect { try await fixture.script("restore", dump, database: "postgres") } throws: { error in
            (error as? RestoreFixture.ScriptFailed)?.lines.joined().contains("restore into an empty one") == true
        }
        #expect(try await room.desk.ledger.job(id) != nil)
        await #expect(throws: RestoreFixture.ScriptFailed.self) { try await fixture.restore(dump + ".part") }
        await fixture.stop()
    }
}
