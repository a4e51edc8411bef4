import Logging
import PostgresWire
import Synchronization
import Testing

@Suite struct StatementTests {
    @Test(.timeLimit(.minutes(1))) func `A unique violation names its constraint and no value`() async throws {
        try await withPool { pool in
            try await pool.script("CREATE TABLE t (name text CONSTRAINT only_once UNIQUE)")
            #expect(try await pool.execute("INSERT INTO t VALUES ($1)", ["secret"]) == 1)
            let error = try #require(
                await failure { () throws(PostgresError) in try await pool.execute("INSERT INTO t VALUES ($1)", ["secret"]) })
            #expect(error.isUniqueViolation && error.constraint == "only_once" && error.kind == .statement && !error.isRetryable)
            #expect(!"\(error)".contains("secret"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An error text never quotes a value`() async throws {
        try await withPool { pool in
            let error = try #require(
                await failure { () throws(PostgresError) in try await pool.query("SELECT $1::integer", ["my \"secret\" word"]) })
            #expect(error.sqlState == "22P02" && !"\(error)".contains("secret"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The same text is parsed once a connection`() async throws {
        try await withPool(1) { pool in
            for number in 0..<5 { _ = try await pool.query("SELECT $1::bigint AS kept", [.integer(Int64(number))]) }
            let rows = try await pool.query("SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%AS kept'")
            #expect(try rows.first?.int("n") == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A statement whose table changed is parsed anew`() async throws {
        try await withPool(1) { pool in
            try await pool.script("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            _ = try await pool.query("SELECT * FROM t")
            try await pool.script("ALTER TABLE t ALTER a TYPE text USING 'changed'")
            #expect(try await pool.query("SELECT * FROM t").first?.string("a") == "changed")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `More statement texts than a connection keeps do not pile up on the server`() async throws {
        try await withPool(1) { pool in
            for number in 0..<300 { _ = try await pool.query("SELECT 1 AS c\(number)") }
            let rows = try await pool.query("SELECT count(*) AS n FROM pg_prepared_statements")
            #expect(try #require(rows.first).int("n") < 257)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A script stops at its first error and leaves nothing behind`() async throws {
        try await withPool { pool in
            let error = await failure { () throws(PostgresError) in try await pool.script("CREATE TABLE t (a int); SELECT 1/0; SELECT 2") }
            #expect(error?.sqlState == "22012")
            let isGone = try await pool.query("SELECT to_regclass('t') IS NULL AS gone").first?.bool("gone")
            #expect(isGone == true)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `COPY is refused and does not hang the connection`() async throws {
        try await withPool(1) { pool in
            let error = await failure { () throws(PostgresError) in try await pool.script("COPY (SELECT 1) TO STDOUT") }
            #expect(error?.message.contains("COPY") == true)
            let one = try await pool.query("SELECT 1 AS one").first?.int("one")
            #expect(one == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Notices go to the logger`() async throws {
        let log = CapturedLog()
        try await withPool(1, logger: Logger(label: "test") { _ in log }) { pool in
            try await pool.script("DO $$ BEGIN RAISE NOTICE 'hear me'; END $$")
            #expect(log.lines.contains { $0.contains("hear me") })
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Twenty queries at once share four connections`() async throws {
        try await withPool(4) { pool in
            let backends = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let row = try await pool.query("SELECT pg_backend_pid() AS pid, pg_sleep(0.02)").first
                        return try row?.int("pid") ?? 0
                    }
                }
                return try await group.reduce(into: [Int64]()) { $0.append($1) }
            }
            #expect(backends.count == 20)
            #expect(Set(backends).count <= 4)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `After close every call is answered "closed"`() async throws {
        try await withPool { pool in
            await pool.close()
            let error = await failure { () throws(PostgresError) in try await pool.query("SELECT 1") }
            #expect(error?.kind == .closed)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["postgres://user:secret@host:bad port/x", "nonsense", "postgres://u:secret@127.0.0.1:1/db"])
    func `An address that does not work is told without its password`(url: String) async throws {
        try await withPool(url: url) { pool in
            let error = try #require(await failure { () throws(PostgresError) in try await pool.query("SELECT 1") })
            #expect(!"\(error) \(pool.options)".contains("secret"))
            #expect(await !pool.ping())
        }
    }
}

final class CapturedLog: LogHandler, Sendable {
    private let captured = Mutex<[String]>([])
    var lines: [String] { captured.withLock(\.self) }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        captured.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
}
