import JobModel
import JobQueue
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct DurationTests {
    private let short = DurationHistory(milliseconds: Array(repeating: 100, count: 1_500))
    private let long = DurationHistory(milliseconds: Array(repeating: 90_000, count: 1_500))

    @Test func whatWorkersNoteAddsUp() async throws {
        let fixture = try await QueueFixture()
        try await fixture.queue.addDurations(short, of: "a")
        try await fixture.queue.addDurations(DurationHistory(milliseconds: [100, 7]), of: "a")
        let found = try await fixture.queue.durations(of: ["a", "b"])
        #expect(found[0]?.total == 1_502)
        #expect(found[1] == nil)
    }

    @Test func oldDurationsFade() async throws {
        let fixture = try await QueueFixture()
        try await fixture.queue.addDurations(short, of: "a")
        for _ in 0..<3 { try await fixture.queue.addDurations(long, of: "a") }
        let found = try #require(try await fixture.queue.durations(of: ["a"])[0])
        #expect(found.total <= JobQueue.fullHistory)
        #expect(try #require(found.milliseconds(at: 0.5)) > 80_000)
    }

    @Test func aHistoryThatIsThereIsNotSeeded() async throws {
        let fixture = try await QueueFixture()
        #expect(try await fixture.queue.seedDurations(short, of: "a"))
        #expect(try await !fixture.queue.seedDurations(long, of: "a"))
        #expect(try await fixture.queue.durations(of: ["a"])[0] == short)
    }
}
