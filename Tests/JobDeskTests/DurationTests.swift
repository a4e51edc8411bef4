import JobDesk
import JobModel
import JobQueue
import PostgresWire
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct DurationTests {
    @Test func whatOneProcessNotesAnotherOneEstimatesBy() async throws {
        let fixture = try await DeskFixture()
        let before = try await fixture.desk.submit(fixture.request()).job
        #expect(before.estimatedMilliseconds == 60_000, "the kind's own, while there is no history")
        for _ in 0..<10 { fixture.desk.durations.note(kind: "web_crawl", milliseconds: 2_000) }
        try await fixture.desk.durations.flush()
        try await fixture.desk.durations.refresh()
        let after = try await fixture.desk.submit(fixture.request()).job
        #expect((1_800...2_300).contains(after.estimatedMilliseconds))
        #expect(fixture.desk.durations.remaining(of: after, elapsed: 500, percent: 0) < 2_000)
    }

    @Test func aFlushThatFailsLosesNothing() async throws {
        let fixture = try await DeskFixture()
        let key = RedisArgument.string(fixture.desk.queue.keys.durations("web_crawl"))
        _ = try await fixture.redis.command(["SET", key, "of another type"])
        fixture.desk.durations.note(kind: "web_crawl", milliseconds: 5)
        await #expect(throws: DeskError.self) { try await fixture.desk.durations.flush() }
        _ = try await fixture.redis.command(["DEL", key])
        fixture.desk.durations.note(kind: "web_crawl", milliseconds: 5)
        try await fixture.desk.durations.flush()
        #expect(try await fixture.desk.queue.durations(of: ["web_crawl"])[0]?.total == 2)
        try await fixture.desk.durations.flush()
        #expect(try await fixture.desk.queue.durations(of: ["web_crawl"])[0]?.total == 2, "nothing counts twice")
    }

    @Test func aRedisWithoutHistoryLearnsFromTheRows() async throws {
        let fixture = try await DeskFixture()
        // It has looked for a history, and will not again for a minute.
        try await fixture.desk.durations.refresh()
        for _ in 0..<6 {
            let job = try await fixture.desk.submit(fixture.request()).job
            let claim = try #require(try await fixture.claimed())
            _ = try await fixture.desk.start(claim)
            _ = try await fixture.desk.finish(claim, as: .completed([:]))
            try await fixture.pool.execute(
                "UPDATE job_attempts SET ended_at = started_at + interval '3 seconds' WHERE job_id = $1", [.text(job.id.description)])
        }
        // A process that starts later.
        let desk = JobDesk(queue: fixture.desk.queue, ledger: fixture.desk.ledger, catalogue: fixture.desk.catalogue, logger: quiet)
        try await desk.durations.refresh()
        let job = try await desk.submit(fixture.request()).job
        #expect((2_700...3_400).contains(job.estimatedMilliseconds))
        #expect(try await fixture.desk.queue.durations(of: ["web_crawl"])[0]?.total == 6, "the next process finds it in Redis")
    }
}
