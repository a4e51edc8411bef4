import JobModel
import PostgresWire
import Testing

@testable import JobLedger

/// Presentations under subjects: orders of people, also while the jobs go on.
@Suite(.timeLimit(.minutes(2))) struct SubjectTests {
    @Test func `A subject that is changed in either table is changed in both`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted(.presentation())
            func subjects() async throws -> [String?] {
                [try await fixture.presentation(job.id).subject, try await fixture.ledger.job(job.id)?.subject]
            }
            #expect(try await subjects() == ["default", nil])
            try await fixture.pool.execute("UPDATE presentation_jobs SET subject = 'biology'")
            #expect(try await subjects() == ["biology", "biology"])
            try await fixture.pool.execute("UPDATE jobs SET subject = 'maths'")
            #expect(try await subjects() == ["maths", "maths"])
            #expect(try await fixture.ledger.record(.deck, of: job.claim(), at: .now) == .recorded)
            #expect(try await subjects() == ["maths", "maths"])
            #expect(try await fixture.move([job.id], to: "default") == [job.id])
            #expect(try await subjects() == ["default", nil])
        }
    }

    @Test func `An order with a place moves only what is still there`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let ids = try await [fixture.accepted(.presentation()).id, fixture.accepted(.presentation(subject: "maths")).id]
            #expect(try await fixture.move(ids + [JobID()], to: "biology", from: "default") == [ids[0]])
            #expect(try await fixture.move(ids, to: "biology") == [ids[1]])
            #expect(try await fixture.move(ids, to: "biology").isEmpty)
            #expect(try await fixture.subjects() == ["biology": 2])
        }
    }

    @Test func `Subjects are renamed to new names, and merged into old ones`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for subject in ["bio", "bio", "biology", "maths", nil] { _ = try await fixture.accepted(.presentation(subject: subject)) }
            #expect(try await fixture.merge(["bio"], into: "biology", mustBeNew: true) == nil)
            #expect(try await fixture.merge(["bio"], into: "life", mustBeNew: true) == 2)
            #expect(try await fixture.merge(["none"], into: "x", mustBeNew: true) == 0)
            #expect(try await fixture.merge(["life", "default"], into: "biology") == 3)
            #expect(try await fixture.subjects() == ["biology": 4, "maths": 1])
            let counts = try #require(try await fixture.ledger.subjects(after: nil, limit: 1).first)
            #expect(counts.subject == "biology" && counts.counts == [.pending: 4, .processing: 0, .complete: 0, .error: 0])
            #expect(try await fixture.ledger.subjects(after: "biology", limit: 9).map(\.subject) == ["maths"])
            #expect(try await fixture.disagreements() == 0)
        }
    }

    @Test func `Two renames to one new name: one finds it new`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for round in 0..<10 {
                let names = ["a\(round)", "b\(round)"]
                for name in names { _ = try await fixture.accepted(.presentation(subject: name)) }
                async let first = fixture.merge([names[0]], into: "c\(round)", mustBeNew: true)
                async let second = fixture.merge([names[1]], into: "c\(round)", mustBeNew: true)
                let moved = try await [first, second]
                #expect(moved.compactMap(\.self) == [1])
            }
        }
    }

    @Test func `Orders that cross each other and the jobs' own changes end, and both tables agree`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var jobs: [Job] = []
            for _ in 0..<60 { jobs.append(try await fixture.accepted(.presentation())) }
            let ids = jobs.map(\.id)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for job in jobs.shuffled() {
                    group.addTask {
                        _ = try await fixture.ledger.recordStart(job.claim(), at: .now)
                        _ = try await fixture.ledger.record(.deck, of: job.claim(), at: .now)
                    }
                }
                for number in 0..<12 {
                    group.addTask { _ = try await fixture.move(ids.shuffled(), to: "s\(number % 3)") }
                    group.addTask { _ = try await fixture.merge(["s\(number % 3)", "default"], into: "s\((number + 1) % 3)") }
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.disagreements() == 0)
            #expect(try await fixture.subjects().values.reduce(0, +) == 60)
            #expect(try await fixture.number("SELECT count(*) AS n FROM presentation_jobs WHERE status = 'complete'") == 60)
        }
    }

    /// 100,000 over 500 subjects, one in a thousand still being made. Triggers are left out of the making.
    private static let crowd = """
        ALTER TABLE jobs DISABLE TRIGGER USER;
        INSERT INTO presentation_jobs (id, topic, status, subject, created_at, user_id)
        SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'topic ' || n,
            CASE WHEN n % 1000 = 1 THEN 'processing' WHEN n % 49 = 0 THEN 'error' ELSE 'complete' END,
            CASE WHEN n % 50 = 0 THEN 'default' ELSE 's' || n % 500 END, now() - n * interval '18 seconds', 'u' || n % 900
        FROM generate_series(1, 100000) AS n;
        VACUUM ANALYZE presentation_jobs;
        """

    @Test func `Every page of many presentations is read by an index`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for statement in SubjectTests.crowd.split(separator: ";\n") { try await fixture.pool.script(String(statement)) }
            let changes: [(String, (inout PresentationFilter) -> Void)] = [
                ("all", { _ in }), ("status", { $0.statuses = [.error] }), ("live", { $0.statuses = [.pending, .processing] }),
                ("subject", { $0.subject = "default" }), ("user", { $0.userID = "u7" }),
                (
                    "both",
                    {
                        $0.subject = "s7"
                        $0.statuses = [.complete]
                    }
                ),
            ]
            for (name, change) in changes {
                var filter = PresentationFilter()
                change(&filter)
                let below = JobPosition(at: Timestamp.now.advanced(byMilliseconds: -3_600_000), id: JobID())
                let statement = JobLedger.presentationStatement(filter, below: below)
                let plan = try await explain(statement.text, statement.parameters, fixture)
                #expect(
                    plan.contains("Index Scan") && !plan.contains("Seq Scan") && !plan.contains("Rows Removed by Filter"),
                    "\(name):\n\(plan)")
            }
            for query in PsqlSession.queries {
                let plan = try await explain(query, [], fixture)
                #expect(!plan.contains("Seq Scan"), "\(query):\n\(plan)")
            }
            let plan = try await explain(Statements.listSubjects, [.null, 100], fixture)
            #expect(plan.contains("Index Only Scan") && !plan.contains("Seq Scan"), "\(plan)")
        }
    }

    private func explain(_ sql: String, _ parameters: [PostgresValue], _ fixture: LedgerFixture) async throws -> String {
        let rows = try await fixture.pool.query("EXPLAIN (ANALYZE, TIMING OFF) " + sql, parameters)
        return try rows.map { try $0.string("QUERY PLAN") }.joined(separator: "\n")
    }

    @Test func `Pages follow each other without loss or repetition`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for number in 0..<40 {
                let at = Timestamp(milliseconds: 1_900_000_000_000 + Int64(number / 7))
                _ = try await fixture.accepted(.presentation("\(number)", subject: number % 2 == 0 ? "even" : nil, at: at))
            }
            var filter = PresentationFilter()
            filter.subject = "even"
            var topics: [String] = []
            var below: JobPosition?
            repeat {
                let page = try await fixture.ledger.presentations(filter, below: below, limit: 6)
                topics += page.map(\.topic)
                below = page.count == 6 ? page.last?.position : nil
            } while below != nil
            #expect(topics.count == 20 && Set(topics).count == 20)
            #expect(Set(topics) == Set((0..<20).map { "\($0 * 2)" }))
        }
    }
}
