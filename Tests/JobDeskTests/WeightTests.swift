import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import PrivateServers
import RedisWire
import TestServers
import Testing

/// Kinds whose jobs differ in size: history and estimates are kept for a job of weight 1, and scaled.
@Suite(.timeLimit(.minutes(1))) struct WeightTests {
    private static let kind = JobKind(
        name: "steps", summary: "s", queue: "ingest", input: InputShape([.init("n", .integer(1...100), standard: 1, "steps")]),
        estimatedMilliseconds: 6_000, weight: { $0["n"]?.integer.map { Double($0) } },
        label: { JobLabel("Steps", "\($0["n"]?.integer ?? 0)", description: " of\nseveral ") })

    private func desk() async throws -> JobDesk {
        let pool = PostgresPool(PostgresOptions(url: try await TestPostgres.freshDatabase(), poolSize: 2), logger: quiet)
        _ = try await JobLedger.migrate(pool, logger: quiet)
        let queue = JobQueue(
            try RedisAddress(url: try await TestRedis.shared().url), prefix: TestRedis.uniquePrefix(), logger: quiet)
        return JobDesk(queue: queue, ledger: JobLedger(pool, logger: quiet), catalogue: JobCatalogue([Self.kind]), logger: quiet)
    }

    private func job(_ desk: JobDesk, _ steps: Int64) async throws -> Job {
        try await desk.submit(JobRequest(kind: "steps", input: ["n": .integer(steps)])).job
    }

    @Test func estimatesFollowWhatIsAskedAndWhatWasSeen() async throws {
        let desk = try await desk()
        #expect(try await job(desk, 1).estimatedMilliseconds == 6_000)
        #expect(try await job(desk, 5).estimatedMilliseconds == 30_000)
        // Ten jobs of ten steps took ten seconds each: a second a step.
        for _ in 0..<10 { desk.durations.note(kind: "steps", milliseconds: 10_000, input: ["n": 10]) }
        try await desk.durations.flush()
        try await desk.durations.refresh()
        let large = try await job(desk, 20)
        #expect((17_500...23_000).contains(large.estimatedMilliseconds))
        #expect((7_500...13_000).contains(desk.durations.remaining(of: large, elapsed: 10_000, percent: 0)))
        // Half done after four seconds: its own pace says that four are left, the history sixteen.
        #expect((8_500...12_000).contains(desk.durations.remaining(of: large, elapsed: 4_000, percent: 50)))
        // A list does not read inputs.
        var listed = large
        listed.input = [:]
        #expect(desk.durations.remaining(of: listed, elapsed: 0, percent: 0) == large.estimatedMilliseconds)
    }

    @Test func whatRowsTeachIsScaledToo() async throws {
        let fixture = try await DeskFixture()
        try await fixture.desk.durations.refresh()
        let input: JSONValue = ["url": "http://h/", "max_pages": 30]
        for _ in 0..<6 {
            let job = try await fixture.desk.submit(JobRequest(kind: "web_crawl", input: input)).job
            let claim = try #require(try await fixture.claimed())
            _ = try await fixture.desk.start(claim)
            _ = try await fixture.desk.finish(claim, as: .completed([:]))
            try await fixture.pool.execute(
                "UPDATE job_attempts SET ended_at = started_at + interval '30 seconds' WHERE job_id = $1", [.text(job.id.description)])
        }
        let weighed = JobKind(
            name: "web_crawl", summary: "s", queue: "ingest", input: DeskFixture.kinds[0].input,
            weight: { $0["max_pages"]?.integer.map { Double($0) / 10 } })
        let desk = JobDesk(
            queue: fixture.desk.queue, ledger: fixture.desk.ledger, catalogue: JobCatalogue([weighed]), logger: quiet)
        try await desk.durations.refresh()
        let job = try await desk.submit(JobRequest(kind: "web_crawl", input: ["url": "http://h/"])).job
        #expect((9_000...11_400).contains(job.estimatedMilliseconds))
    }

    @Test func jobsHaveNamesOfTheirKind() async throws {
        let desk = try await desk()
        let named = try await job(desk, 3)
        #expect(named.title == "Steps: 3" && named.description == "of several")
        var request = JobRequest(kind: "steps", input: [:])
        request.title = "mine"
        #expect(try await desk.submit(request).job.title == "mine")
        #expect(JobLabel("Query", String(repeating: "word ", count: 100)).title.count <= 90)
    }
}
