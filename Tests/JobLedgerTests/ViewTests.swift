import FoundationEssentials
import JobLedger
import JobModel
import PostgresWire
import PrivateServers
import TestServers
import Testing

/// The views, by the statements of docs/sql.md in the real psql, and what they say of known jobs.
@Suite(.timeLimit(.minutes(1))) struct ViewTests {
    private static func questions() throws -> [String] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let page = String(decoding: try #require(FileManager.default.contents(atPath: root + "/docs/sql.md")), as: UTF8.self)
        let section = try #require(page.split(separator: "# Questions in SQL").last)
        return section.split(separator: "```sql\n").dropFirst().compactMap { $0.split(separator: "\n```").first.map(String.init) }
    }

    /// Two crawls of a subject, one of them slow, tried twice and failed; one crawl without a subject that has been running for an hour.
    private static let jobs = """
        INSERT INTO jobs (id, kind, queue, priority, status, input, subject, max_attempts, timeout_ms, estimated_ms, attempt, created_at,
            started_at, updated_at, finished_at)
        SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, 'web_crawl', 'ingest', 'medium', status, '{}', subject, 3, 1, 10000, attempt,
            now() - interval '2 hours', now() - began * interval '1 minute', now(), now() - ended * interval '1 minute'
        FROM (VALUES (1, 'completed', 'maths', 1, 60, 59.9), (2, 'failed', 'maths', 2, 60, 55), (3, 'processing', NULL, 1, 60, NULL))
            AS v (n, status, subject, attempt, began, ended);
        """

    private func psql(_ statement: String, _ url: String) async throws -> [String] {
        let (lines, line) = AsyncStream<String>.makeStream()
        var order = ChildOrder("/usr/bin/env", ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
        order.environment = ["PATH": "/usr/bin:/bin"]
        let child = try ChildProcess(order, onLine: { line.yield($0) }, onEnd: { line.finish() })
        var said: [String] = []
        for await line in lines { said.append(line) }
        #expect(await child.exit() == .exited(0), "\(statement)\n\(said)")
        return said
    }

    @Test func theStatementsOfThePageRunInPsql() async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.pool.script(ViewTests.jobs)
            let questions = try ViewTests.questions()
            #expect(questions.count == 4)
            var answers: [[String]] = []
            for question in questions { answers.append(try await psql(question, fixture.pool.options.url)) }
            #expect(Set(answers[0]) == ["maths|2|0|1", "default|1|1|0"])
            #expect(answers[1].count <= 2 && answers[1].contains { $0.contains("|web_crawl|") })
            #expect(answers[2].map { $0.split(separator: "|")[2] } == ["processing", "failed"])
            #expect(answers[3] == [])
        }
    }

    @Test func daysAndSlowJobsAreWhatTheJobsSay() async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.pool.script(ViewTests.jobs)
            let days = try await psql(
                "SELECT sum(accepted), sum(completed), sum(failed), sum(tried_again), max(mean_seconds), max(p95_seconds) FROM v_daily_stats",
                fixture.pool.options.url)
            #expect(days == ["3|1|1|1|6.000|6.000"])
            let slow = try await psql(
                "SELECT status, run_seconds, usual_seconds, times_usual, waited_seconds FROM v_slow_jobs WHERE status = 'failed'",
                fixture.pool.options.url)
            #expect(slow == ["failed|300.000|10.000|30.00|3600.000"])
        }
    }

    @Test func stepsAreTimedFromTheOneBefore() async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.pool.script(ViewTests.jobs)
            try await fixture.pool.script(
                """
                INSERT INTO job_attempts (job_id, attempt, worker, started_at) SELECT id, 1, 'w', timestamptz '2026-01-01 00:00' FROM jobs;
                INSERT INTO job_step_times SELECT id, 'fetch', 1, timestamptz '2026-01-01 00:00:02.5' FROM jobs;
                INSERT INTO job_steps (job_id, name, result, attempt, stored_at)
                SELECT id, 'embed', '{}', 1, timestamptz '2026-01-01 00:00:04' FROM jobs;
                """)
            let times = try await psql(
                "SELECT name, seconds FROM v_step_times WHERE job_id = '01900000-0000-7000-8000-000000000001' ORDER BY finished_at",
                fixture.pool.options.url)
            #expect(times == ["fetch|2.500", "embed|1.500"])
        }
    }
}
