import FoundationEssentials
import JobLedger
import JobModel
import PostgresWire
import PrivateServers
import TestServers
import Testing

/// What people type, word for word, into the real psql: the table is made from the schema file, and the three queries of a user interface run.
enum PsqlSession {
    static let queries = [
        """
        SELECT * FROM presentation_jobs 
        WHERE subject = 'default' AND status = 'complete'
        ORDER BY created_at DESC;
        """,
        """
        SELECT * FROM presentation_jobs 
        WHERE subject = 'biology' AND status = 'complete'
        ORDER BY created_at DESC;
        """,
        """
        SELECT * FROM presentation_jobs 
        WHERE status IN ('pending', 'processing')
        ORDER BY created_at ASC;
        """,
    ]
}

@Suite(.timeLimit(.minutes(1))) struct PsqlSessionTests {
    private static let connect = "docker exec -it lm-postgres psql -U postgres -d lm_dev"
    /// Both ways in which the schema is run.
    static let schemas = [
        "\(connect) <<'END'\n\\i poc/08-async-jobs/schema.sql\nEND", "\(connect) -f poc/08-async-jobs/schema.sql",
    ]

    @Test(arguments: schemas) func `The session runs`(schema: String) async throws {
        let desk = try await Desk()
        let made = try await desk.shell(schema)
        #expect(made.contains("CREATE TABLE") && !made.contains("ERROR"), "\(made)")

        let pool = PostgresPool(PostgresOptions(url: desk.server.url(of: "lm_dev")), logger: quiet)
        #expect(try await JobLedger(pool, logger: quiet).pendingMigrations() == [])
        try await fill(JobLedger(pool, logger: quiet))
        await pool.close()

        let expected = [["Cells", "Tides"], ["Photosynthesis"], ["Waiting", "Running"]]
        for (query, topics) in zip(PsqlSession.queries, expected) {
            let answer = try await desk.shell("\(PsqlSessionTests.connect) <<'END'\n\(query)\nEND")
            let lines = answer.split(separator: "\n").map(String.init)
            let columns = try #require(lines.first).split(separator: "|").map { String($0.filter { $0 != " " }) }
            #expect(
                columns == [
                    "id", "topic", "status", "subject", "presenton_id", "presenton_url", "created_at", "completed_at", "user_id",
                    "n_slides",
                    "error",
                ])
            let found = lines.dropFirst(2).dropLast().map { $0.split(separator: "|")[1].filter { $0 != " " } }
            #expect(found == topics, "\(answer)")
            #expect(lines.last == (topics.count == 1 ? "(1 row)" : "(\(topics.count) rows)"), "\(answer)")
        }
    }

    /// One of each: organised, not organised, waiting, being made, failed.
    private func fill(_ ledger: JobLedger) async throws {
        var minute: Int64 = 0
        func job(_ topic: String, _ end: JobOutcome?, isStarted: Bool = true, subject: String? = nil) async throws {
            minute += 1
            let job = Job.presentation(topic, at: Timestamp(milliseconds: 1_900_000_000_000 + minute * 60_000))
            #expect(try await ledger.accept(job, idempotency: nil) == .accepted)
            if isStarted { #expect(try await ledger.recordStart(job.claim(), at: .now)) }
            if let end { #expect(try await ledger.record(end, of: job.claim(), at: .now) == .recorded) }
            if let subject { _ = try await ledger.movePresentations([job.id], to: subject, rememberedFor: 0) }
        }
        try await job("Tides", .deck)
        try await job("Photosynthesis", .deck, subject: "biology")
        try await job("Cells", .deck)
        try await job("Waiting", nil, isStarted: false)
        try await job("Running", nil, subject: "biology")
        try await job("Broken", .failed(.permanent("no", type: "no")))
    }
}

/// A directory with the schema file where the session expects it, a server with the role and the database that it names, and a `docker` that
/// leaves out the container.
private struct Desk {
    let directory: String
    let server: PrivatePostgres

    init() async throws {
        directory = try TemporaryDirectory.make()
        server = try await TestPostgres.own()
        _ = try await server.run("CREATE ROLE postgres SUPERUSER LOGIN")
        try await server.createDatabase("lm_dev")
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        try FileManager.default.createDirectory(atPath: directory + "/poc/08-async-jobs", withIntermediateDirectories: true)
        let schema = try String(contentsOf: root.appending(path: "schema.sql"), encoding: .utf8)
        try schema.write(toFile: directory + "/poc/08-async-jobs/schema.sql", atomically: false, encoding: .utf8)
        try await letIn()
    }

    /// The kernel's word on this user is enough for the role `postgres`, too.
    private func letIn() async throws {
        let file = server.directory + "/data/pg_ident.conf"
        let rules = try String(contentsOfFile: file, encoding: .utf8)
        let more = rules.replacing(" \(PrivatePostgres.role)\n", with: " postgres\n")
        try (rules + more).write(toFile: file, atomically: false, encoding: .utf8)
        _ = try await server.run("SELECT pg_reload_conf()")
    }

    func shell(_ text: String) async throws -> String {
        let (lines, line) = AsyncStream<String>.makeStream()
        // A function, not a file: one that was just written is busy while a process that another test starts has it open.
        var order = ChildOrder("/bin/sh", ["-c", "cd '\(directory)'\ndocker() { shift 3; \"$@\"; }\n\(text)"])
        order.environment = ["PATH": "/usr/bin:/bin", "PGHOST": server.socketDirectory, "HOME": directory, "TERM": "dumb"]
        let child = try ChildProcess(order, onLine: { line.yield($0) }, onEnd: { line.finish() })
        var said: [String] = []
        for await line in lines { said.append(line) }
        #expect(await child.exit() == .exited(0), "\(said)")
        return said.joined(separator: "\n")
    }
}
