import FoundationEssentials
import JobModel
import TestServers
import Testing

@testable import TidewheelClient

/// Whole jobs, over a real API, worker, Redis and PostgreSQL.
@Suite(.timeLimit(.minutes(1))) struct JobTests {
    private struct Input: Encodable { var n = 0, text = "hällo" }
    private struct Told: Decodable, Equatable { let told: Int, text: String? }

    @Test func aJobIsSubmittedWatchedAndRead() async throws {
        try await ClientFixture.run { fixture, client in
            fixture.steps.permit.yield()
            fixture.steps.permit.yield()
            let job = try await client.submit("steps", input: Input(n: 2))
            var names: [String] = []
            for try await update in job.watch() { names.append(update.name) }
            #expect(names == ["queued", "started", "progress", "progress", "completed"])
            #expect(try await job.result(as: Told.self) == Told(told: 2, text: "hällo"))
            let status = try await job.status()
            #expect(status.state == .completed && status.kind == "steps" && status.progress == 100)
            #expect(status.createdAt! <= status.finishedAt!)
        }
    }

    @Test func waitGivesTheEndAndStopsAtItsTimeout() async throws {
        try await ClientFixture.run { fixture, client in
            let job = try await client.submit("steps", input: ["n": 1])
            await #expect { try await job.wait(timeout: .milliseconds(50)) } throws: {
                if case TidewheelError.timedOut = $0 { true } else { false }
            }
            fixture.steps.permit.yield()
            #expect(try await job.wait(timeout: .seconds(30)).state == .completed)
        }
    }

    @Test func aWaitGoesPastAnOldFailureOfARetriedJob() async throws {
        try await ClientFixture.run { fixture, client in
            let job = try await client.submit("steps", input: ["n": 0, "fails": true])
            #expect(try await job.wait().error == "it was told to")
            try await job.retry()
            let numbers = try await job.watch().reduce(into: [Int]()) { $0.append($1.number ?? 0) }
            #expect(numbers == Array(1...numbers.count))
            let names = try await job.watch().reduce(into: [String]()) { $0.append($1.name) }
            #expect(names.count(where: { $0 == "failed" }) == 2)
        }
    }

    @Test func aRunningJobIsCancelledAndRetried() async throws {
        try await ClientFixture.run { fixture, client in
            let job = try await client.submit("steps", input: ["n": 1])
            for try await update in job.watch() where update.name == "started" { break }
            try await job.cancel()
            #expect(try await job.wait().state == .cancelled)
            await #expect { try await job.result() } throws: { ($0 as? TidewheelError)?.problem?.type == "job-cancelled" }
            try await job.retry()
            fixture.steps.permit.yield()
            #expect(try await job.wait().state == .completed)
            await #expect { try await job.retry() } throws: { ($0 as? TidewheelError)?.problem?.type == "not-retryable" }
        }
    }

    @Test(arguments: ["/jobs/../events", "/schedules/.", "/conversations/.."])
    func aPathThatLeadsElsewhereIsNotAsked(path: String) async throws {
        let client = try TidewheelClient(url: "http://127.0.0.1:1")
        for ask in [{ _ = try await client.send("GET", path) }, { _ = try await client.open("GET", path) }] as [() async throws -> Void] {
            let error = await #expect(throws: TidewheelError.self) { try await ask() }
            guard case .invalidRequest = error else {
                Issue.record("\(error.map { "\($0)" } ?? "")")
                continue
            }
        }
        await client.close()
    }

    @Test(arguments: [
        (Double.infinity, "9999-12-31T23:59:59.999Z"), (-.infinity, "0000-01-01T00:00:00.000Z"), (1e300, "9999-12-31T23:59:59.999Z"),
        (.nan, "9999-12-31T23:59:59.999Z"), (0.25, "1970-01-01T00:00:00.250Z"), (-62_167_219_201, "0000-01-01T00:00:00.000Z"),
    ])
    func anyDateCanBeGiven(seconds: Double, sent: String) {
        let date = Date(timeIntervalSince1970: seconds)
        var query = JobQuery()
        query.since = date
        #expect(query.parameters.map(\.1) == [sent])
        var options = JobOptions()
        options.start = .at(date)
        #expect(Submission("k", options: options).members["run_at"]?.string == sent)
    }

    @Test func optionsArriveAndKeysMakeOneJob() async throws {
        try await ClientFixture.run { _, client in
            var options = JobOptions()
            options.priority = .high
            options.start = .after(.seconds(3600))
            options.subject = "s"
            options.tags = ["a", "b"]
            options.metadata = ["team": "x"]
            options.idempotencyKey = "order-1"
            let first = try await client.submit("steps", options: options)
            let again = try await client.submit("steps", options: options)
            #expect(first.id == again.id)
            let status = try await first.status()
            #expect(status.state == .scheduled && status.priority == "high" && status.document["metadata"]?["team"] == "x")
            try await first.promote()
            #expect(try await first.wait().state == .completed)
        }
    }

    @Test func aBatchTellsOfEachAndAListPagesThroughAll() async throws {
        try await ClientFixture.run { _, client in
            var batch = (0..<25).map { Submission("steps", input: ["text": .init(.string("\($0)"))]) }
            batch[7] = Submission("steps", input: ["n": "many"])
            let results = try await client.submit(batch)
            #expect(results.count == 25)
            for (index, result) in results.enumerated() where index != 7 { _ = try await result.get().wait() }
            #expect(throws: TidewheelError.self) { try results[7].get() }
            #expect(
                { if case .failure(let error) = results[7] { error.problem?.faults.first?.place } else { nil } }() == "#/jobs/7/input/n")
            var query = JobQuery()
            query.states = [.completed]
            query.kinds = ["steps"]
            let listed = try await client.jobs(query, pageSize: 10).reduce(into: [String]()) { $0.append($1.id) }
            #expect(listed.count == 24 && Set(listed).count == 24)
        }
    }

    @Test func problemsSayWhatToDo() async throws {
        try await ClientFixture.run { _, client in
            await #expect { try await client.submit("stepz") } throws: { ($0 as? TidewheelError)?.problem?.type == "unknown-kind" }
            await #expect { try await client.job("nothing").status() } throws: { ($0 as? TidewheelError)?.problem?.status == 404 }
            await #expect { for try await _ in client.job("nothing").watch() {} } throws: {
                ($0 as? TidewheelError)?.problem?.type == "unknown-job"
            }
        }
    }
}
