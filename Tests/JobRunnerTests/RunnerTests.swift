import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import PrivateServers
import RedisWire
import Synchronization
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct RunnerTests {
    @Test func aJobRunsAndItsProgressAndResultAreKept() async throws {
        let handler = TestHandler { context throws(JobFailure) in
            try await context.progress(50, step: "half", "half way")
            return ["attempt": .integer(Int64(context.attempt))]
        }
        let fixture = try await RunnerFixture([handler])
        let job = try await fixture.working { _ in try await fixture.ended(fixture.submit()) }
        #expect(job.state == .completed)
        #expect(job.result == ["attempt": 1])
        #expect(try await fixture.desk.ledger.job(job.id)?.result == ["attempt": 1])
        #expect(
            try await fixture.desk.log(of: job.id).compactMap { $0["event"]?.string } == ["queued", "started", "progress", "completed"])
    }

    @Test func aFailureThatPassesIsTriedAgain() async throws {
        let handler = TestHandler { context throws(JobFailure) in
            if context.attempt < 3 { throw .retry("busy", type: "http_503") }
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        let job = try await fixture.working { _ in try await fixture.ended(fixture.submit()) }
        #expect(job.state == .completed)
        #expect(job.attempt == 3)
    }

    @Test func attemptsAreUsedUpAndAPermanentFailureEndsAtOnce() async throws {
        let tired = TestHandler { _ throws(JobFailure) in throw .retry("busy", type: "http_503") }
        let wrong = TestHandler("wrong") { _ throws(JobFailure) in throw .permanent("404 Not Found", type: "http_404") }
        let fixture = try await RunnerFixture([tired, wrong])
        try await fixture.working { _ in
            let first = try await fixture.ended(fixture.submit())
            #expect(first.state == .failed)
            #expect(first.attempt == 3)
            #expect(first.error == "busy")
            let second = try await fixture.ended(fixture.submit("wrong"))
            #expect(second.attempt == 1)
            #expect(second.errorType == "http_404")
        }
    }

    @Test func anAttemptThatIsStoppedWhileItsStartIsOnTheWayEndsAsItsRowSays() async throws {
        // Nobody is left behind meanwhile: only the attempt itself can end the job.
        let fixture = try await RunnerFixture([TestHandler { _ throws(JobFailure) in [:] }]) { $0.stopGrace = .seconds(600) }
        let id = try await fixture.submit()
        let job = fixture.desk.queue.keys.job(id)
        _ = try await fixture.redis.command(["HSET", .string(job), "cancel_requested", "1", "more", "1"])
        _ = try await fixture.desk.ledger.endUnclaimed(id, as: .cancelled(.cancelled), at: .now, by: "test")
        try await fixture.working { _ in
            try await eventually { try await fixture.redis.command(["HGET", .string(job), "status"]).string == "cancelled" }
        }
    }

    @Test func aTimeoutSaysHowLong() async throws {
        let gate = Gate()
        let handler = TestHandler(retry: RetryPolicy(maxAttempts: 1)) { _ throws(JobFailure) in
            try await gate.wait()
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        let job = try await fixture.working { _ in try await fixture.ended(fixture.submit(timeout: 150)) }
        #expect(job.state == .failed)
        #expect(job.error == "Timeout after 150ms")
    }

    @Test func aCancelReachesARunningHandlerWithinASecond() async throws {
        let gate = Gate()
        let handler = TestHandler { _ throws(JobFailure) in
            try await gate.wait()
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { _ in
            let id = try await fixture.submit()
            try await fixture.waitFor("started", of: id)
            let start = ContinuousClock.now
            _ = try await fixture.desk.cancel(id)
            let job = try await fixture.ended(id)
            #expect(job.state == .cancelled)
            // The promise is one second; a test process that runs hundreds of tests at once may be late.
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    /// Without a row nothing is waited for before the handler: it runs on the thread that started it, and has not waited yet when it must stop.
    @Test(arguments: [true, false]) func aHandlerThatOnlyComputesLearnsThatItMustStop(isCancelled: Bool) async throws {
        let handler = TestHandler(retry: RetryPolicy(maxAttempts: 1), isRecorded: false) { context throws(JobFailure) in
            let start = ContinuousClock.now
            while start.duration(to: .now) < .seconds(20) { try context.checkCancelled() }
            return [:]
        }
        // Nobody is left behind meanwhile: only the handler itself can end the attempt.
        let fixture = try await RunnerFixture([handler]) { $0.stopGrace = .seconds(600) }
        try await fixture.working { _ in
            let id = try await fixture.submit(timeout: isCancelled ? nil : 200)
            try await fixture.waitFor("started", of: id)
            if isCancelled { _ = try await fixture.desk.cancel(id) }
            let job = try await fixture.ended(id)
            #expect(job.state == (isCancelled ? .cancelled : .failed))
            #expect(isCancelled || job.error == "Timeout after 200ms")
        }
    }

    @Test func aHandlerThatIgnoresItsCancelIsLeftBehind() async throws {
        let (stubborn, release) = AsyncStream<Void>.makeStream()
        defer { release.finish() }
        let handler = TestHandler { _ throws(JobFailure) in
            await Task.detached { for await _ in stubborn {} }.value
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { _ in
            let id = try await fixture.submit()
            try await fixture.waitFor("started", of: id)
            _ = try await fixture.desk.cancel(id)
            #expect(try await fixture.ended(id).state == .cancelled)
        }
    }

    @Test func onlyAsManyRunAsThereAreSlots() async throws {
        let running = Mutex((now: 0, most: 0))
        let handler = TestHandler(isRecorded: false) { context throws(JobFailure) in
            running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            defer { running.withLock { $0.now -= 1 } }
            for percent in 1...3 { try await context.progress(Double(percent), step: "s", "m") }
            return [:]
        }
        let fixture = try await RunnerFixture([handler]) { $0.slots = 3 }
        try await fixture.working { _ in
            var ids: [JobID] = []
            for _ in 0..<60 { ids.append(try await fixture.submit()) }
            for id in ids { #expect(try await fixture.ended(id).state == .completed) }
        }
        #expect(running.withLock { $0.most } == 3)
    }

    @Test func aLeavingWorkerHandsItsJobsBackUncharged() async throws {
        let gate = Gate()
        let handler = TestHandler(retry: RetryPolicy(maxAttempts: 1)) { context throws(JobFailure) in
            if context.attempt == 1 { try await gate.wait() }
            return ["attempt": .integer(Int64(context.attempt))]
        }
        let fixture = try await RunnerFixture([handler])
        let id = try await fixture.working { _ in
            let id = try await fixture.submit()
            try await fixture.waitFor("started", of: id)
            return id
        }
        #expect(try await fixture.desk.read(id).state == .queued)
        #expect(try await fixture.desk.queue.workers().isEmpty)
        let job = try await fixture.working { _ in try await fixture.ended(id) }
        #expect(job.state == .completed)
        #expect(job.result == ["attempt": 2])
    }

    @Test func aWorkerThatWasDeclaredDeadStartsOverAndItsResultIsDropped() async throws {
        let gate = Gate()
        let handler = TestHandler { context throws(JobFailure) in
            if context.attempt == 1 {
                await Task.detached { try? await gate.wait() }.value
                return ["by": "late"]
            }
            return ["by": "second"]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { runner in
            let id = try await fixture.submit()
            try await fixture.waitFor("started", of: id)
            let old = try #require(runner.name)
            _ = try await fixture.redis.command(["HSET", .string(fixture.desk.queue.keys.worker(old)), "dead", "1"])
            try await eventually { runner.name != old }
            try await eventually { try await fixture.desk.queue.suspects(["ingest"]).waiting == 1 }
            let suspects = RunnerFixture.suspects(of: fixture)
            async let recovered: Void = suspects.run()
            let job = try await fixture.ended(id)
            gate.open()
            #expect(job.result == ["by": "second"])
            #expect(job.attempt == 2)
            await recovered
            #expect(try await fixture.desk.read(id).result == ["by": "second"])
        }
    }

    @Test func suspectsRunAloneAndTakeASlot() async throws {
        let handler = TestHandler { context throws(JobFailure) in ["attempt": .integer(Int64(context.attempt))] }
        let fixture = try await RunnerFixture([handler])
        let id = try await fixture.submit()
        let streams = fixture.desk.queue.keys.streams(["ingest"], StreamLevel.allCases)
        let card = WorkerCard(name: "gone", host: "h", processID: 1, version: "1", queues: ["ingest"], slots: 1)
        _ = try await fixture.desk.queue.beat(card, running: 0)
        _ = try await fixture.desk.queue.claim(for: "gone", from: streams, count: 1)
        let runner = fixture.runner { await RunnerFixture.suspects(of: fixture).run() }
        async let running: Void = runner.run()
        let job = try await fixture.ended(id)
        #expect(job.state == .completed)
        #expect(job.result == ["attempt": 2])
        runner.drain()
        await running
    }
}

extension RunnerFixture {
    static func suspects(of fixture: RunnerFixture) -> Runner {
        var settings = fixture.settings
        settings.isForSuspects = true
        settings.slots = 1
        return Runner(desk: fixture.desk, handlers: fixture.handlers, settings: settings, logger: quiet)
    }
}
