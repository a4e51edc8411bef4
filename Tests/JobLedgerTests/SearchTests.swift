import JobModel
import PostgresWire
import Testing

@testable import JobLedger

@Suite(.timeLimit(.minutes(3))) struct SearchTests {
    private func leader(_ fixture: LedgerFixture) async throws -> LeaderToken {
        guard let seat = try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat()) else {
            throw Unexpected("nobody leads")
        }
        return seat.token
    }

    private func searched(_ parts: String...) -> JobSearch {
        var search = JobSearch()
        for part in parts { search.add(part) }
        return search
    }

    /// A walk through all jobs.
    private func sweep(_ fixture: LedgerFixture, _ token: LeaderToken, limit: Int = 500) async throws {
        var place: JobLedger.SearchSweep? = JobLedger.SearchSweep()
        while let next = place { place = try await fixture.ledger.searchSweep(next, token, limit: limit) }
    }

    private func found(_ fixture: LedgerFixture, _ search: JobSearch, _ filter: JobFilter = JobFilter(), limit: Int = 50) async throws
        -> [String]
    {
        try await fixture.ledger.search(search, filter, below: nil, limit: limit).found.map { $0.job.title ?? "" }
    }

    private static let three = """
        INSERT INTO jobs (id, kind, queue, priority, status, title, input, result, error, error_type, max_attempts, timeout_ms, estimated_ms,
            created_at, updated_at, finished_at)
        SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, 'web_crawl', 'ingest', 'medium', status, title, input::jsonb, result::jsonb,
            error, CASE WHEN status = 'failed' THEN 'http_404' END, 3, 1, 1, now() - n * interval '1 minute', now(),
            CASE WHEN status <> 'queued' THEN now() END
        FROM (VALUES
            (1, 'completed', 'Harbour', '{"url": "https://tides.example/high"}', '{"pages": 7, "text": "High water comes\\ntwice a day", "n": [1, 2]}', NULL),
            (2, 'failed', 'Storm', '{"url": "https://storms.example/"}', NULL, 'The page was not found at storms.example'),
            (3, 'queued', 'Boats', '{"url": "https://tides.example/boats", "note": "water, high and low"}', NULL, NULL)
        ) AS v (n, status, title, input, result, error);
        """

    private static let questions: [([String], [String])] = [
        (["harbour"], ["Harbour"]), (["HIGH water"], ["Harbour", "Boats"]), (["\"high water\""], ["Harbour"]),
        (["water -twice"], ["Boats"]),
        (["harbour or storm"], ["Harbour", "Storm"]), (["tides.example"], ["Harbour", "Boats"]), (["storms.example"], ["Storm"]),
        (["water", "boats"], ["Boats"]), (["nothing"], []), (["pages"], []), (["$.result.pages == 7"], ["Harbour"]),
        (["$.result.pages > 6 && $.input.url starts with \"https://tides\""], ["Harbour"]), (["$.result.n[*] ? (@ == 2)"], ["Harbour"]),
        (["$.error like_regex \"NOT found\" flag \"i\""], ["Storm"]), (["$.error_type == \"http_404\""], ["Storm"]),
        (["$.input.note"], ["Boats"]), (["$.input.url == \"https://tides.example/boats\"", "water"], ["Boats"]),
        (["$.input.url == \"https://tides.example/boats\"", "$.result.pages == 7"], []), ([" $.result.pages == 7 "], ["Harbour"]),
        (["$.input.url == \"a || b\""], []), (["$.input.url != \"x\""], ["Harbour", "Storm", "Boats"]),
    ]

    /// Before anything was made known, and after: the answers are the same.
    @Test func whatIsAskedForIsFound() async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.pool.script(SearchTests.three)
            let token = try await leader(fixture)
            for isKnown in [false, true] {
                if isKnown { try await sweep(fixture, token) }
                for (parts, titles) in SearchTests.questions {
                    var search = JobSearch()
                    for part in parts { search.add(part) }
                    #expect(try await found(fixture, search) == titles, "\(parts), known: \(isKnown)")
                }
            }
            var filter = JobFilter()
            filter.states = [.failed, .queued]
            filter.kinds = ["web_crawl"]
            #expect(try await found(fixture, searched("example"), filter) == [])
            #expect(try await found(fixture, searched("tides.example or storms.example"), filter) == ["Storm", "Boats"])
            let letters = try await fixture.ledger.search(searched("storms.example"), JobFilter(), by: .failed, below: nil, limit: 5)
            #expect(letters.found.map(\.job.title) == ["Storm"])
        }
    }

    @Test(arguments: ["-only", "!!!", "$.input.url == ", "$.a == 1) || (true", "$.a like_regex \"[\"", "$"])
    func whatCannotBeUnderstoodIsRefused(text: String) async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.pool.script(SearchTests.three)
            guard text != "$" else {
                #expect(try await found(fixture, searched(text)).count == 3)
                return
            }
            let error = await #expect(throws: PostgresError.self) { try await found(fixture, searched(text)) }
            #expect(error?.sqlState?.hasPrefix("22") == true || error?.sqlState == "42601", "\(String(describing: error))")
        }
    }

    @Test func endsAndDeletionsAreFollowed() async throws {
        try await LedgerFixture.run { fixture in
            let token = try await leader(fixture)
            try await fixture.pool.script(SearchTests.three)
            #expect(try await fixture.ledger.searchFresh(token, limit: 100) == 2)
            #expect(try await fixture.ledger.searchFresh(token, limit: 100) == 0)
            try await sweep(fixture, token, limit: 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM job_search") == 3)
            try await fixture.pool.script(
                "UPDATE jobs SET status = 'completed', finished_at = now(), result = '{\"text\": \"ketch\"}' WHERE title = 'Boats'")
            #expect(try await found(fixture, searched("ketch")) == ["Boats"], "read from the job itself")
            #expect(try await fixture.ledger.searchFresh(token, limit: 100) == 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM job_search WHERE words @@ 'ketch'") == 1)
            try await fixture.pool.script("DELETE FROM jobs WHERE title = 'Boats'")
            try await sweep(fixture, token)
            #expect(try await fixture.number("SELECT count(*) AS n FROM job_search") == 2)
            try await fixture.pool.script("DELETE FROM job_search")
            let earlier = LeaderToken(token.number - 1)
            #expect(try await fixture.ledger.searchFresh(earlier, limit: 100) == 0)
        }
    }

    /// What no column can hold in full, and what a parser chokes on, is found by its beginning, and stops nobody.
    @Test func hugeContentIsBounded() async throws {
        try await LedgerFixture.run { fixture in
            let token = try await leader(fixture)
            try await fixture.pool.script(SearchTests.three)
            try await fixture.pool.script(
                """
                UPDATE jobs SET result = (SELECT jsonb_build_object('a', 'anchor', 'text', string_agg(md5(n::text), ' '), 'model', 'm1')
                    FROM generate_series(1, 200000) n) WHERE title = 'Harbour';
                UPDATE jobs SET result = jsonb_build_object('deep', (repeat('[', 3000) || repeat(']', 3000))::jsonb, 'long', repeat('x', 5000))
                    WHERE title = 'Storm';
                """)
            try await sweep(fixture, token)
            #expect(try await fixture.number("SELECT count(*) AS n FROM job_search") == 3)
            #expect(try await fixture.number("SELECT max(pg_column_size(words)) AS n FROM job_search") < 1_000_000)
            #expect(try await fixture.number("SELECT max(octet_length(document::text)) AS n FROM job_search") < 200_000)
            #expect(try await found(fixture, searched("anchor")) == ["Harbour"])
            #expect(try await found(fixture, searched("$.result.model == \"m1\"")) == ["Harbour"])
            #expect(try await found(fixture, searched("storm")) == ["Storm"])
        }
    }

    /// 10,000 jobs: a word that one in two has, one that one in 400 has, one that only the oldest has.
    private static let crowd = """
        INSERT INTO jobs (id, kind, queue, priority, status, title, input, max_attempts, timeout_ms, estimated_ms, created_at, updated_at, finished_at)
        SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, CASE WHEN n % 2 = 0 THEN 'document' ELSE 'web_crawl' END,
            'ingest', 'medium', 'completed', 'j' || n,
            jsonb_build_object('url', 'http://h/' || n, 'note', concat_ws(' ', CASE WHEN n % 2 = 0 THEN 'frequent' END,
                CASE WHEN n % 400 = 0 THEN 'rare' END, CASE WHEN n = 10000 THEN 'oldest' END), 'm', n % 400),
            3, 1, 1, now() - n * interval '1 minute', now(), now() - n * interval '1 minute'
        FROM generate_series(1, 10000) AS n;
        INSERT INTO job_search SELECT j.id, j.finished_at, tidewheel.search_words(j), tidewheel.search_document(j) FROM jobs j;
        ANALYZE jobs, job_search;
        """

    private func fill(_ fixture: LedgerFixture) async throws {
        try await fixture.pool.transaction(timeLimit: .seconds(150)) { (connection) throws(PostgresError) in
            try connection.script(SearchTests.crowd)
        }
    }

    @Test func frequentAndRareWordsArePagedWithoutLossOrRepetition() async throws {
        try await LedgerFixture.run { fixture in
            try await fill(fixture)
            for (search, kind, count, pages) in [
                (searched("frequent"), nil, 5_000, 52), (searched("rare"), nil, 25, 1), (searched("oldest"), nil, 1, 1),
                (searched("rare"), "web_crawl", 0, 1), (searched("$.input.m == 7"), nil, 25, 1),
                (searched("$.input.m == 7"), "document", 0, 1),
                (searched("$.input.m < 1 "), nil, 25, 6), (searched("rare -frequent"), nil, 0, 1),
            ] as [(JobSearch, String?, Int, Int)] {
                var filter = JobFilter()
                filter.kinds = kind.map { [$0] } ?? []
                var seen: [JobPosition] = []
                var place: JobPosition?
                var read = 0
                repeat {
                    let page = try await fixture.ledger.search(search, filter, below: place, limit: 100)
                    seen += page.found.map(\.position)
                    place = page.bottom
                    read += 1
                } while place != nil
                #expect(seen.count == count, "\(search)")
                #expect(seen == Array(Set(seen)).sorted(by: >), "\(search)")
                #expect(read <= pages, "\(search) took \(read) pages")
            }
        }
    }

    @Test func hitsAreReadByTheIndexAndTheWindowByTheList() async throws {
        try await LedgerFixture.run { fixture in
            try await fill(fixture)
            for (meaning, index) in [
                (SearchMeaning(words: "'rare'", path: nil), "job_search_words"),
                (SearchMeaning(words: nil, path: "$ ? ($.input.url == \"http://h/7\")"), "job_search_document"),
            ] {
                let query = SearchQuery(meaning, true, JobFilter(), .created, nil)
                let (hits, window) = try await fixture.pool.transaction { (connection) throws(PostgresError) in
                    try connection.script("SET LOCAL enable_seqscan = off")
                    return (
                        try SearchTests.explain(query.hits(nil, 50, most: 2_001), connection),
                        try SearchTests.explain(query.window(nil, 2_000), connection)
                    )
                }
                #expect(hits.contains("Bitmap Index Scan on \(index)"), "\(hits)")
                #expect(!hits.contains("Seq Scan"), "\(hits)")
                #expect(window.contains("jobs_created") && !window.contains("Seq Scan on job"), "\(window)")
            }
        }
    }

    private static func explain(_ statement: ListStatement, _ connection: PostgresConnection) throws(PostgresError) -> String {
        var plan = ""
        for row in try connection.queryAfresh("EXPLAIN (ANALYZE, TIMING OFF) " + statement.text, statement.parameters) {
            plan += try row.string("QUERY PLAN") + "\n"
        }
        return plan
    }
}
