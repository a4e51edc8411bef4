import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct WatchTests {
    private func collect(_ watch: JobWatch) async throws -> [WatchedEvent] {
        var events: [WatchedEvent] = []
        for try await event in watch { events.append(event) }
        return events
    }

    @Test func aWatcherSeesEveryEventOnceAndTheLastCarriesTheResult() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let watch = try await fixture.queue.watch(job.id, after: nil)
        async let events = collect(watch)
        let claim = try await fixture.claimed()
        for percent in 1...50 {
            _ = try await fixture.queue.report(
                JobEvent(.progress), progress: JobProgress(percent: Double(percent), step: "s", message: "m"), of: claim)
        }
        _ = try await fixture.queue.settle(claim, as: .completed(["pages": 3]))
        let seen = try await events
        #expect(seen.map(\.sequence) == (1...53).map { Int64($0) })
        #expect(seen.first?.name == "queued")
        #expect(seen.last?.name == "completed")
        #expect(try JSONReader.read(seen.last?.json ?? "")["result"] == ["pages": 3])
    }

    @Test func aWatcherThatReconnectsGetsWhatItMissed() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        for _ in 0..<5 { _ = try await fixture.queue.report(JobEvent(.log), progress: nil, of: claim) }
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await collect(fixture.queue.watch(job.id, after: 4)).map(\.sequence) == [5, 6, 7, 8])
        #expect(try await collect(fixture.queue.watch(job.id, after: 8)).isEmpty)
    }

    @Test func theEndOfASeriesBeforeARetryIsNotTheEnd() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.queue.settle(try await fixture.claimed(), as: .failed(.permanent("x", type: "x")))
        #expect(try await collect(fixture.queue.watch(job.id, after: nil)).last?.name == "failed")
        #expect(try await fixture.queue.retry(job))
        // Two of them: the second is told by what the first one's feed remembers.
        async let first = collect(fixture.queue.watch(job.id, after: nil))
        async let second = collect(fixture.queue.watch(job.id, after: nil))
        let claim = try await fixture.claimed()
        try await eventually { fixture.queue.watchedJobs == 1 }
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        for events in [try await first, try await second] {
            #expect(events.filter(\.isTerminal).map(\.name) == ["failed", "completed"])
            #expect(events.map(\.sequence) == (1...Int64(events.count)).map { $0 })
        }
    }

    @Test func aTrimmedLogAnswersWithGapAndSnapshot() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let progress = JobProgress(percent: 70, step: "s", message: "m")
        for _ in 0..<600 { _ = try await fixture.queue.report(JobEvent(.progress), progress: progress, of: claim) }
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        let seen = try await collect(fixture.queue.watch(job.id, after: 2))
        #expect(seen.prefix(2).map(\.name) == ["gap", "snapshot"])
        // 500 in the log, the latest one in the hash, the end told by the hash.
        #expect(seen.count == 504)
        #expect(seen.last?.isTerminal == true)
    }

    @Test func aWatcherSurvivesTheLossOfItsConnection() async throws {
        let fixture = try await QueueFixture(on: TestRedis.own())
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let watch = try await fixture.queue.watch(job.id, after: nil)
        async let events = collect(watch)
        for number in 0..<40 {
            if number.isMultiple(of: 10) { _ = try await fixture.redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]) }
            _ = try await fixture.queue.report(JobEvent(.log), progress: nil, of: claim)
        }
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await events.map(\.sequence) == (1...43).map { Int64($0) })
    }

    @Test func noNumberIsTooGreatToWatchFrom() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let watch = try await fixture.queue.watch(job.id, after: .max)
        async let events = collect(watch)
        _ = try await fixture.queue.settle(try await fixture.claimed(), as: .completed([:]))
        #expect(try await events.map(\.name) == ["completed"])
        #expect(try await collect(fixture.queue.watch(job.id, after: .max)).map(\.name) == ["completed"])
    }

    @Test func watchingAnUnknownJobEnds() async throws {
        let fixture = try await QueueFixture()
        #expect(try await collect(fixture.queue.watch(JobID(), after: nil)).isEmpty)
    }
}
