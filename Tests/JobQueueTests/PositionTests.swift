import JobModel
import JobQueue
import RedisWire
import TestServers
import Testing

/// How many come before a queued job.
@Suite struct PositionTests {
    private func number(_ fixture: QueueFixture, _ id: JobID) async throws -> Int? {
        try await fixture.queue.position(of: id)?.number
    }

    @Test func itCountsWhatIsBeforeItAndWhatIsMoreUrgent() async throws {
        let fixture = try await QueueFixture()
        let low = try await fixture.enqueued(.low)
        let first = try await fixture.enqueued()
        let second = try await fixture.enqueued()
        #expect(try await number(fixture, first.id) == 1)
        #expect(try await number(fixture, second.id) == 2)
        #expect(try await number(fixture, low.id) == 3)
        let urgent = try await fixture.enqueued(.urgent)
        #expect(try await number(fixture, urgent.id) == 1)
        #expect(try await number(fixture, low.id) == 4)
        #expect(try await fixture.claimed().job.id == urgent.id)
        #expect(try await number(fixture, urgent.id) == nil, "it runs")
        #expect(try await fixture.claimed().job.id == first.id)
        #expect(try await number(fixture, second.id) == 1)
        #expect(try await number(fixture, low.id) == 2)
        #expect(try await fixture.queue.position(of: JobID()) == nil)
        let scheduled = fixture.job(scheduledAt: Timestamp.now.advanced(byMilliseconds: 3_600_000))
        _ = try await fixture.queue.enqueue(scheduled)
        #expect(try await number(fixture, scheduled.id) == nil)
    }

    @Test func aLongBacklogIsEstimatedAtACostThatDoesNotGrow() async throws {
        let fixture = try await QueueFixture()
        let jobs = (0..<600).map { _ in fixture.job() }
        for portion in stride(from: 0, to: 600, by: 100) { _ = try await fixture.queue.enqueue(Array(jobs[portion..<portion + 100])) }
        #expect(try await fixture.queue.position(of: jobs[599].id) == QueuePosition(number: 600, isEstimate: false), "the last one")
        let middle = try #require(try await fixture.queue.position(of: jobs[300].id))
        #expect(middle.isEstimate)
        #expect((1...600).contains(middle.number))
        let head = try #require(try await fixture.queue.position(of: jobs[0].id))
        #expect(head.number <= middle.number)
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        _ = try await fixture.claims(by: "w1", count: 450)
        #expect(try await fixture.queue.position(of: jobs[500].id) == QueuePosition(number: 51, isEstimate: false))
    }

    @Test func aParkedJobAndOneInALaneAreCountedAmongTheirs() async throws {
        let fixture = try await QueueFixture()
        try await fixture.queue.setLimits([Limit(scope: .queue, name: "ingest", concurrency: 1)])
        _ = try await fixture.queue.beat(fixture.card("w1"), running: 0)
        var jobs: [Job] = []
        for age in [3000, 2000, 1000] as [Int64] {
            var job = fixture.job()
            job.createdAt = Timestamp.now.advanced(byMilliseconds: -age)
            _ = try await fixture.queue.enqueue(job)
            jobs.append(job)
        }
        #expect(try await fixture.claims(by: "w1", count: 10).map(\.job.id) == [jobs[0].id])
        #expect(try await number(fixture, jobs[1].id) == 1)
        #expect(try await number(fixture, jobs[2].id) == 2)
        for place in 1...2 {
            var keyed = fixture.job()
            keyed.concurrencyKey = "a"
            _ = try await fixture.queue.enqueue(keyed)
            #expect(try await number(fixture, keyed.id) == place)
        }
    }
}
