import JobModel
import JobQueue
import Testing

/// Inputs may have a megabyte each. Together they are more than a connection takes at once.
@Suite(.timeLimit(.minutes(2))) struct LargeInputTests {
    private func jobs(_ fixture: QueueFixture, _ change: (inout Job) -> Void = { _ in }) -> [Job] {
        let text = JSONValue.string(String(repeating: "x", count: 1_040_000))
        return (0..<70).map { number in
            let plain = fixture.job()
            var job = Job(id: plain.id, kind: plain.kind, queue: plain.queue, input: ["text": text, "number": .integer(Int64(number))])
            change(&job)
            return job
        }
    }

    @Test func manyOfThemAreQueuedTogetherAndInOrder() async throws {
        let fixture = try await QueueFixture()
        let jobs = jobs(fixture)
        #expect(try await fixture.queue.enqueue(jobs) == jobs.map { _ in .accepted })
        #expect(try await fixture.length(.medium) == 70)
        // One that is known already answers in its own place.
        #expect(try await fixture.queue.enqueue([jobs[69], jobs[0]]) == [.exists(.queued), .exists(.queued)])
        for job in jobs.prefix(2) { #expect(try await fixture.claimed().job.id == job.id) }
    }

    @Test func manyThatWaitedAreLetGoTogether() async throws {
        let fixture = try await QueueFixture()
        let jobs = jobs(fixture) { $0.state = .waiting }
        #expect(try await fixture.queue.enqueue(jobs) == jobs.map { _ in .accepted })
        #expect(try await fixture.length(.medium) == 0)
        #expect(try await fixture.queue.ready(jobs) == 70)
        #expect(try await fixture.length(.medium) == 70)
    }
}
