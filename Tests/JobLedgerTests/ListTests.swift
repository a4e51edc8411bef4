import JobModel
import PostgresWire
import Testing

@testable import JobLedger

@Suite(.timeLimit(.minutes(2))) struct ListTests {
    /// 100,000 jobs over three weeks: of 500 subjects and a few kinds, one rare; every tenth failed, one in a thousand still lives.
    private static let crowd = """
        INSERT INTO jobs (id, kind, queue, priority, status, input, subject, session_id, tags, max_attempts, timeout_ms, estimated_ms,
            created_at, updated_at, finished_at, error_type)
        SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
            CASE WHEN n % 1000 = 0 THEN 'note' WHEN n % 3 = 0 THEN 'document' ELSE 'web_crawl' END,
            CASE WHEN n % 1000 = 0 THEN 'models' ELSE 'ingest' END, 'medium',
            CASE WHEN n % 1000 = 1 THEN 'queued' WHEN n % 10 = 0 THEN 'failed' ELSE 'completed' END,
            '{"url": "http://h/"}', 's' || n % 500, 'c' || n % 9000, ARRAY['t' || n % 700, 'u' || n % 5], 3, 1, 1,
            now() - n * interval '18 seconds', now(),
            CASE WHEN n % 1000 <> 1 THEN now() - n * interval '18 seconds' END, CASE WHEN n % 10 = 0 THEN 'http_' || 400 + n % 990 END
        FROM generate_series(1, 100000) AS n;
        ANALYZE jobs;
        """

    /// Rows that a page may look at beyond those that it shows.
    private static let mostInVain = 3_000

    @Test func everyListOfALargeTableIsReadByAnIndex() async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.pool.script(ListTests.crowd)
            for (name, change) in ListTests.filters {
                var filter = JobFilter()
                change(&filter)
                let place = JobPosition(at: Timestamp.now.advanced(byMilliseconds: -3_600_000), id: JobID())
                for (order, statement) in [
                    ("created", JobLedger.listStatement(filter, place, 50)), ("failed", JobLedger.failedStatement(filter, place, 50)),
                    ("first page", JobLedger.listStatement(filter, nil, 50)),
                ] {
                    let plan = try await explain(statement, in: fixture.pool)
                    #expect(!plan.contains("Seq Scan on jobs"), "\(name), \(order):\n\(plan)")
                    let inVain = plan.matches(of: /Rows Removed by Filter: (\d+)/).compactMap { Int($0.1) }.reduce(0, +)
                    // Nor does it read much more than a page to sort it: several words are as many scans of a page each.
                    let scans = plan.matches(of: /on jobs .*actual rows=(\d+) loops=(\d+)/)
                    let read = scans.reduce(0) { $0 + (Int($1.1) ?? 0) * (Int($1.2) ?? 0) }
                    #expect(inVain + read < ListTests.mostInVain, "\(name), \(order) looks at \(inVain) + \(read) jobs:\n\(plan)")
                }
            }
        }
    }

    private static let filters: [(String, @Sendable (inout JobFilter) -> Void)] = [
        ("all", { _ in }), ("live", { $0.states = [.queued, .scheduled, .processing, .waiting] }), ("queued", { $0.states = [.queued] }),
        ("failed", { $0.states = [.failed] }), ("cancelled", { $0.states = [.cancelled] }),
        ("kinds", { $0.kinds = ["document", "web_crawl"] }), ("rare kind", { $0.kinds = ["note"] }), ("no kind", { $0.kinds = ["none"] }),
        ("queue", { $0.queues = ["ingest"] }), ("rare queue", { $0.queues = ["models"] }), ("subject", { $0.subject = "s7" }),
        ("session", { $0.sessionID = "x" }), ("tags", { $0.tags = ["t7"] }), ("flow", { $0.flow = JobID() }),
        (
            "error type",
            {
                $0.states = [.failed]; $0.errorType = "http_490"
            }
        ),
        ("since", { $0.since = Timestamp.now.advanced(byMilliseconds: -7_200_000) }),
        (
            "kind and state",
            {
                $0.kinds = ["note"]; $0.states = [.completed]
            }
        ),
        (
            "kind and no state",
            {
                $0.kinds = ["web_crawl"]; $0.states = [.cancelled]
            }
        ),
        (
            "kind and queue",
            {
                $0.kinds = ["web_crawl"]; $0.queues = ["models"]
            }
        ),
        (
            "queue and state",
            {
                $0.queues = ["models"]; $0.states = [.queued]
            }
        ),
        (
            "subject and state",
            {
                $0.subject = "s7"; $0.states = [.cancelled]
            }
        ),
        (
            "subject and kind",
            {
                $0.subject = "s7"; $0.kinds = ["note"]
            }
        ),
        (
            "tag and state",
            {
                $0.tags = ["t7"]; $0.states = [.queued]
            }
        ),
        (
            "tag and kind",
            {
                $0.tags = ["u3"]; $0.kinds = ["note"]
            }
        ),
        (
            "session and tag",
            {
                $0.sessionID = "c7"; $0.tags = ["u3"]
            }
        ),
    ]

    private func explain(_ statement: ListStatement, in pool: PostgresPool) async throws -> String {
        let rows = try await pool.query("EXPLAIN (ANALYZE, TIMING OFF) " + statement.text, statement.parameters)
        return try rows.map { try $0.string("QUERY PLAN") }.joined(separator: "\n")
    }

    @Test func pagesFollowEachOtherWithoutLossOrRepetition() async throws {
        try await LedgerFixture.run { fixture in
            // Many of one millisecond, as batches make them, and some between two milliseconds, as SQL makes them.
            try await fixture.pool.script(
                """
                INSERT INTO jobs (id, kind, queue, priority, status, input, max_attempts, timeout_ms, estimated_ms, created_at, updated_at)
                SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'web_crawl', 'ingest', 'medium', 'queued', '{}', 3, 1, 1,
                    timestamptz '2026-01-01' + (n / 100) * interval '337 microseconds', now()
                FROM generate_series(1, 1000) AS n
                """)
            var seen: [JobPosition] = []
            var place: JobPosition?
            repeat {
                let page = try await fixture.ledger.list(JobFilter(), below: place, limit: 37)
                seen += page.found.map(\.position)
                place = page.bottom
            } while place != nil
            #expect(seen.count == 1000)
            #expect(Set(seen).count == 1000)
            #expect(seen == seen.sorted(by: >))
        }
    }

    @Test func filtersOfAStatementMeanWhatTheySay() async throws {
        try await LedgerFixture.run { fixture in
            var job = Job.sample()
            job.subject = "it's \"quoted\"; DROP TABLE jobs"
            job.tags = ["a,b", "{c}"]
            job.sessionID = "{subject}"
            _ = try await fixture.accepted(job)
            _ = try await fixture.accepted()
            for change in [
                { $0.subject = job.subject }, { $0.tags = ["{c}", "a,b"] }, { $0.sessionID = job.sessionID },
            ] as [(inout JobFilter) -> Void] {
                var filter = JobFilter()
                change(&filter)
                #expect(try await fixture.ledger.list(filter, below: nil, limit: 10).found.map(\.job.id) == [job.id])
            }
            var filter = JobFilter()
            filter.tags = ["a,b", "d"]
            #expect(try await fixture.ledger.list(filter, below: nil, limit: 10).found.isEmpty)
            filter = JobFilter()
            filter.since = job.createdAt.advanced(byMilliseconds: 1_000_000)
            #expect(try await fixture.ledger.list(filter, below: nil, limit: 10).found.isEmpty)
            filter.since = nil
            filter.until = job.createdAt
            #expect(try await fixture.ledger.list(filter, below: nil, limit: 10).found.isEmpty)
        }
    }

    @Test func largeFieldsComeOnlyWhenAskedFor() async throws {
        try await LedgerFixture.run { fixture in
            let job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: ["url": "http://h/", "big": "x"])
            _ = try await fixture.accepted(job)
            #expect(try await fixture.ledger.list(JobFilter(), below: nil, limit: 1).found.first?.job.input == ["url": "http://h/"])
            #expect(try await fixture.ledger.list(JobFilter(), below: nil, limit: 1, whole: true).found.first?.job.input == job.input)
        }
    }

    @Test func aRowThatOthersMadeUnreadableStopsNoList() async throws {
        try await LedgerFixture.run { fixture in
            var ids: [JobID] = []
            for number in 0..<7 {
                var job = Job.sample()
                job.createdAt = Timestamp.now.advanced(byMilliseconds: Int64(number) * 1000)
                ids.append(try await fixture.accepted(job).id)
            }
            let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
            for (id, change) in [
                (ids[0], "input = '{\"a\": \(deep)}', metadata = '{\"n\": 1e400}'"), (ids[1], "started_at = 'infinity', progress = 'NaN'"),
                (ids[2], "created_at = 'infinity'"), (ids[3], "id = gen_random_uuid()"),
                (ids[4], "finished_at = '-infinity', tags = '{NULL}'"),
            ] {
                try await fixture.pool.script("UPDATE jobs SET \(change) WHERE id = '\(id)'")
            }
            var seen: [JobID: Job] = [:]
            var place: JobPosition?
            repeat {
                let page = try await fixture.ledger.list(JobFilter(), below: place, limit: 1, whole: true)
                for job in page.found.map(\.job) { seen[job.id] = job }
                place = page.bottom
            } while place != nil
            #expect(Set(seen.keys) == [ids[0], ids[1], ids[4], ids[5], ids[6]])
            #expect(seen[ids[0]]?.unreadable == ["input", "metadata"])
            #expect(seen[ids[0]]?.kind == "web_crawl")
            #expect(seen[ids[1]]?.startedAt == nil)
            #expect(seen[ids[5]]?.unreadable == [])
        }
    }
}
