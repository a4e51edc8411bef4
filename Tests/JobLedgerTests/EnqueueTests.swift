import JobLedger
import JobModel
import PostgresWire
import Testing

/// `tidewheel.enqueue()` as a service calls it.
@Suite struct EnqueueTests {
    private static let kinds = [
        JobKind(
            name: "web_crawl", summary: "s", queue: "ingest",
            input: InputShape([.init("url", .url, required: true, "u"), .init("max_pages", .integer(1...9), "n")]),
            retry: RetryPolicy(maxAttempts: 4), timeoutMilliseconds: 70_000, estimatedMilliseconds: 5_000),
        JobKind(
            name: "note", summary: "s", queue: "models",
            input: InputShape([
                .init("input", .textOrTexts(maxCount: 2, maxLength: 9), "i"), .init("think", .thinking, "t"),
                .init("options", .modelOptions, "o"),
            ])),
    ]
    private static let enqueue = #"SELECT tidewheel.enqueue('web_crawl', '{"url": "http://h/"}') AS id"#

    private func withKinds(_ body: (LedgerFixture) async throws -> Void) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            #expect(try await fixture.ledger.publish(EnqueueTests.kinds) == 2)
            try await body(fixture)
        }
    }

    private func id(_ fixture: LedgerFixture, _ sql: String) async throws -> JobID {
        let row = try #require(try await fixture.pool.query(sql).first)
        let text = try row.string("id")
        return try #require(JobID(text))
    }

    private func refusal(_ fixture: LedgerFixture, _ arguments: String) async -> String {
        let error = await #expect(throws: PostgresError.self) { try await fixture.pool.query("SELECT tidewheel.enqueue(\(arguments))") }
        return error?.message ?? ""
    }

    @Test(.timeLimit(.minutes(1))) func `A job has what the kind says, and what the call says`() async throws {
        try await withKinds { (fixture) async throws in
            let bare = try await id(fixture, EnqueueTests.enqueue)
            let job = try #require(try await fixture.ledger.job(bare))
            #expect(job.kind == "web_crawl" && job.queue == "ingest" && job.state == .queued && job.priority == .medium)
            #expect(job.maxAttempts == 4 && job.timeoutMilliseconds == 70_000 && job.estimatedMilliseconds == 5_000)
            #expect(job.input == ["url": "http://h/"] && job.metadata == [:] && job.tags.isEmpty)
            let full = try await id(
                fixture,
                """
                SELECT tidewheel.enqueue('web_crawl', '{"url": "http://h/"}', queue => 'models', priority => 'high',
                    run_at => now() + interval '1 hour', subject => 's', session_id => 'z', tags => '{a,b}', metadata => '{"x": 1}',
                    title => 't', max_attempts => 2, timeout => '90 seconds', concurrency_key => 'c') AS id
                """)
            let other = try #require(try await fixture.ledger.job(full))
            #expect(other.queue == "models" && other.priority == .high && other.state == .scheduled && other.scheduledAt ?? .now > .now)
            #expect(other.subject == "s" && other.sessionID == "z" && other.tags == ["a", "b"] && other.title == "t")
            #expect(other.maxAttempts == 2 && other.timeoutMilliseconds == 90_000 && other.concurrencyKey == "c")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A field may take more than one type`() async throws {
        try await withKinds { (fixture) async throws in
            for input in [
                #"{"input": "a"}"#, #"{"input": ["a"]}"#, #"{"think": true}"#, #"{"think": "low"}"#, #"{"input": null, "options": {}}"#,
            ] {
                _ = try await id(fixture, "SELECT tidewheel.enqueue('note', '\(input)') AS id")
            }
            #expect(await refusal(fixture, #"'note', '{"input": 5}'"#).hasSuffix("input must be a JSON string or array"))
            #expect(await refusal(fixture, #"'note', '{"think": {}}'"#).hasSuffix("think must be a JSON boolean or string"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `It exists if and only if the transaction commits`() async throws {
        try await withKinds { (fixture) async throws in
            await #expect(throws: PostgresError.self) {
                try await fixture.pool.transaction { (connection) throws(PostgresError) in
                    _ = try connection.query(EnqueueTests.enqueue)
                    throw PostgresError(.statement, "the service changed its mind")
                }
            }
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 0)
            try await fixture.pool.transaction { (connection) throws(PostgresError) in _ = try connection.query(EnqueueTests.enqueue) }
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Transactions that share an idempotency key make one job, and another request is refused`()
        async throws
    {
        try await withKinds { (fixture) async throws in
            let sql = #"SELECT tidewheel.enqueue('web_crawl', '{"url": "http://h/"}', idempotency_key => 'k') AS id"#
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<12 { group.addTask { try await fixture.pool.query(sql).first?.string("id") ?? "" } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 1)
            let why = await refusal(fixture, #"'web_crawl', '{"url": "http://other/"}', idempotency_key => 'k'"#)
            #expect(why.contains("used with another request"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `What does not fit is refused with what to do`() async throws {
        try await withKinds { (fixture) async throws in
            for (arguments, why) in [
                ("'nothing', '{}'", "there is no kind"), ("'web_crawl', '[]'", "not a JSON object"),
                ("'web_crawl', '{}'", "url is required"), (#"'web_crawl', '{"url": 1}'"#, "url must be a JSON string"),
                (#"'web_crawl', '{"url": "u", "depth": 1}'"#, "depth is not a field"),
                ("'web_crawl', jsonb_build_object('url', repeat('x', 1100000))", "larger than 1 MiB"),
                ("'note', '{}', queue => 'nowhere'", "there is no queue"), ("'note', '{}', priority => 'now'", "priority"),
                ("'note', '{}', run_at => 'infinity'", "run_at"), ("'note', '{}', tags => '{\"\"}'", "tags"),
                ("'note', '{}', tags => '{{a,b},{c,d}}'", "tags"), ("'note', '{}', tags => '[5:6]={a,b}'", "tags"),
                ("'note', '{}', concurrency_key => E'a\\nb'", "concurrency_key"),
                ("'note', '{}', concurrency_key => 'a b'", "concurrency_key"),
                ("'note', '{}', timeout => '0'", "timeout"), ("'note', '{}', title => repeat('x', 301)", "title"),
                ("'note', '{}', max_attempts => 101", "max_attempts"), ("'note', '{}', idempotency_key => 'a b'", "idempotency_key"),
            ] {
                let message = await refusal(fixture, arguments)
                #expect(message.contains(why), "\(arguments) was answered: \(message)")
            }
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Kinds are written where they differ, and retired`() async throws {
        try await withKinds { (fixture) async throws in
            #expect(try await fixture.ledger.publish(EnqueueTests.kinds) == 0)
            let changed = JobKind(name: "note", summary: "s", queue: "other", input: InputShape([]))
            #expect(try await fixture.ledger.publish([EnqueueTests.kinds[0], changed]) == 1)
            try await fixture.ledger.retire(allBut: [changed])
            #expect(try await refusal(fixture, #"'web_crawl', '{"url": "u"}'"#).contains("there is no kind"))
        }
    }

    /// The function does not measure members of inputs; nothing that lists many of them may become as large as they are.
    @Test(.timeLimit(.minutes(1))) func `What only the kind's code would refuse is cut where many are listed`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let input = InputShape([
                .init("topic", .text(maxLength: 100), required: true, "t"), .init("user_id", .text(maxLength: 200), "u"),
            ])
            _ = try await fixture.ledger.publish(
                EnqueueTests.kinds + [JobKind(name: "presentation", summary: "s", queue: "presentations", input: input)])
            // Random: an index cannot compress it.
            let long = (0..<20_000).map { _ in String("0123456789abcdefghijklmnopqrstuvwxyz".randomElement() ?? "0") }.joined()
            for (kind, member) in [("presentation", "topic"), ("web_crawl", "url")] {
                let row = try await fixture.pool.query(
                    "SELECT tidewheel.enqueue($1, jsonb_build_object($2::text, $3::text) || $4::jsonb) AS id",
                    [
                        .text(kind), .text(member), .text("http://h/" + long),
                        .text(kind == "presentation" ? "{\"user_id\": \"\(long)\"}" : "{}"),
                    ])
                #expect(row.count == 1)
            }
            let presentation = try #require(try await fixture.ledger.presentations(PresentationFilter(), limit: 10).first)
            #expect(presentation.topic.utf8.count == 10_000)
            #expect(presentation.userID?.utf8.count == 200)
            let jobs = try await fixture.ledger.list(JobFilter(), below: nil, limit: 10).found.map(\.job)
            #expect(jobs.count == 2)
            #expect(jobs.allSatisfy { $0.input.serialized.utf8.count < 5_000 })
            #expect(jobs.contains { $0.input["url"]?.string?.hasPrefix("http://h/") == true })
        }
    }
}
