import JobModel
import JobQueue
import Testing

/// Who hears of new work, and that a ring is never lost.
@Suite(.timeLimit(.minutes(1))) struct WorkBellTests {
    @Test func whoLeavesPassesItsRingOn() async throws {
        let fixture = try await QueueFixture()
        let streams = fixture.queue.keys.streams(["ingest"], StreamLevel.allCases)
        let first = try await fixture.queue.bell.listen(to: streams)
        let second = try await fixture.queue.bell.listen(to: streams)
        defer { second.leave() }
        _ = try await fixture.enqueued()
        await first.wait(until: .now + .seconds(30))
        // A second entry rings the first again: it has looked, and may take more.
        _ = try await fixture.enqueued()
        let early = ContinuousClock.now + .milliseconds(1500)
        async let rung: Void = second.wait(until: .now + .seconds(30))
        try await Task.sleep(for: .milliseconds(100))
        first.leave()
        await rung
        #expect(.now < early, "passed on, and not found by the clock")
    }
}
