import Dispatch
import JobLedger
import PostgresWire
import TestServers
import Testing

/// Migrations beside programs that use the tables.
@Suite(.timeLimit(.minutes(1))) struct MigrationLockTests {
    private static let table = Migration(version: 1, name: "0001_table", sql: "CREATE TABLE t (a int)")
    private static let index = Migration(
        version: 2, name: "0002_index", sql: "-- The index\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);\n", isConcurrent: true)

    private func withTable(_ body: (PostgresPool) async throws -> Void) async throws {
        let pool = PostgresPool(PostgresOptions(url: try await TestPostgres.freshDatabase()), logger: quiet)
        do {
            _ = try await JobLedger.migrate(pool, logger: quiet, migrations: [MigrationLockTests.table])
            try await body(pool)
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    /// Applies `migrations` while a transaction that has run `statement` is open, and closes that when `body` is through.
    private func migrate(
        _ migrations: [Migration], on pool: PostgresPool, against statement: String, lockTimeout: Duration = .seconds(3),
        _ body: () async throws -> Void
    ) async throws -> [String] {
        let (entered, enter) = AsyncStream<Void>.makeStream()
        let leave = DispatchSemaphore(value: 0)
        async let held: Void = pool.transaction { (connection) throws(PostgresError) in
            try connection.execute(statement)
            enter.finish()
            leave.wait()
        }
        for await _ in entered {}
        async let applied = JobLedger.migrate(pool, logger: quiet, migrations: migrations, lockTimeout: lockTimeout)
        do { try await body() } catch {
            leave.signal()
            throw error
        }
        leave.signal()
        try await held
        return try await applied
    }

    private func untilWaiting(for statement: String, _ pool: PostgresPool) async throws {
        try await eventually {
            try await !pool.query(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND wait_event_type = 'Lock'", [.text(statement + "%")]
            ).isEmpty
        }
    }

    @Test func writersGoOnWhileAnIndexIsMade() async throws {
        try await withTable { pool in
            let all = [MigrationLockTests.table, MigrationLockTests.index]
            let applied = try await migrate(all, on: pool, against: "INSERT INTO t VALUES (1)") {
                try await untilWaiting(for: "CREATE INDEX CONCURRENTLY", pool)
                try await pool.execute("INSERT INTO t VALUES (2)")
                #expect(try await pool.query("SELECT a FROM t").count == 1)
            }
            #expect(applied == ["0002_index"])
            #expect(try await pool.query("SELECT 1 FROM pg_index WHERE indexrelid = 't_a'::regclass AND indisvalid").count == 1)
        }
    }

    @Test func anIndexThatWasBrokenOffIsMadeAnew() async throws {
        try await withTable { pool in
            try await pool.execute("INSERT INTO t VALUES (1), (1)")
            // A unique index over duplicates fails at its end and stays, invalid.
            await #expect(throws: PostgresError.self) { try await pool.script("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a)") }
            #expect(try await pool.query("SELECT 1 FROM pg_index WHERE NOT indisvalid").count == 1)
            let all = [MigrationLockTests.table, MigrationLockTests.index]
            #expect(try await JobLedger.migrate(pool, logger: quiet, migrations: all) == ["0002_index"])
            #expect(try await pool.query("SELECT 1 FROM pg_index WHERE NOT indisvalid").isEmpty)
            #expect(
                try await pool.query("SELECT 1 FROM pg_index WHERE indexrelid = 't_a'::regclass AND NOT indisunique AND indisvalid").count
                    == 1)
        }
    }

    @Test func processesThatMakeAnIndexAtOnceMakeItOnce() async throws {
        try await withTable { pool in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await JobLedger.migrate(pool, logger: quiet, migrations: [MigrationLockTests.table, MigrationLockTests.index])
                    }
                }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(applied == ["0002_index"])
        }
    }

    @Test func aLockedTableHoldsNobodyBehindTheMigrationForLong() async throws {
        try await withTable { pool in
            let change = Migration(version: 2, name: "0002_column", sql: "ALTER TABLE t ADD COLUMN b int")
            let all = [MigrationLockTests.table, change]
            let applied = try await migrate(all, on: pool, against: "INSERT INTO t VALUES (1)", lockTimeout: .seconds(1)) {
                try await untilWaiting(for: "ALTER TABLE t", pool)
                // It stands behind the migration, which gives up first.
                try await pool.execute("INSERT INTO t (a) VALUES (2)")
            }
            #expect(applied == ["0002_column"])
            #expect(try await pool.query("SELECT b FROM t").count == 2)
        }
    }
}
