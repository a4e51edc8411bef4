import Foundation
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

@Suite struct MigrationTests {
    private func withEmptyDatabase(_ body: (PostgresPool) async throws -> Void) async throws {
        let pool = PostgresPool(PostgresOptions(url: try await TestPostgres.freshDatabase()), logger: quiet)
        do { try await body(pool) } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    @Test(.timeLimit(.minutes(1))) func `The second run applies nothing`() async throws {
        try await withEmptyDatabase { (pool) async throws in
            let ledger = JobLedger(pool, logger: quiet)
            let names = Migration.all.map(\.name)
            #expect(try await ledger.pendingMigrations() == names)
            #expect(try await JobLedger.migrate(pool, logger: quiet) == names)
            #expect(try await JobLedger.migrate(pool, logger: quiet).isEmpty)
            #expect(try await ledger.pendingMigrations().isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Processes that migrate at once apply each file once`() async throws {
        try await withEmptyDatabase { (pool) async throws in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 { group.addTask { try await JobLedger.migrate(pool, logger: quiet) } }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(applied.sorted() == Migration.all.map(\.name))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An applied file that was changed is an error that says so`() async throws {
        try await withEmptyDatabase { (pool) async throws in
            let first = Migration(version: 1, name: "0001_first", sql: "CREATE TABLE t (a int)")
            _ = try await JobLedger.migrate(pool, logger: quiet, migrations: [first])
            let changed = Migration(version: 1, name: "0001_first", sql: "CREATE TABLE t (a bigint)")
            let error = await #expect(throws: PostgresError.self) {
                try await JobLedger.migrate(pool, logger: quiet, migrations: [changed])
            }
            #expect(error?.message.contains("0001_first was changed") == true)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A file that fails leaves nothing of itself, and can be run again when it is right`() async throws {
        try await withEmptyDatabase { (pool) async throws in
            let broken = Migration(version: 1, name: "0001_first", sql: "CREATE TABLE t (a int); SELECT 1/0")
            await #expect(throws: PostgresError.self) { try await JobLedger.migrate(pool, logger: quiet, migrations: [broken]) }
            let right = Migration(version: 1, name: "0001_first", sql: "CREATE TABLE t (a int)")
            #expect(try await JobLedger.migrate(pool, logger: quiet, migrations: [right]) == ["0001_first"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `schema.sql is what the migrations add up to`() async throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../schema.sql")
        let schema = try String(contentsOf: file, encoding: .utf8)
        var catalogs: [[String]] = []
        try await withEmptyDatabase { (pool) async throws in
            _ = try await JobLedger.migrate(pool, logger: quiet)
            catalogs.append(try await catalog(of: pool))
        }
        try await withEmptyDatabase { (pool) async throws in
            try await pool.script(schema)
            #expect(try await JobLedger(pool, logger: quiet).pendingMigrations() == [], "schema.sql says which migrations it has")
            #expect(try await JobLedger.migrate(pool, logger: quiet) == [])
            catalogs.append(try await catalog(of: pool))
        }
        #expect(catalogs[0].count > 60)
        #expect(Set(catalogs[0]).symmetricDifference(catalogs[1]) == [])
        #expect(catalogs[0].count == catalogs[1].count)
    }

    @Test(.timeLimit(.minutes(1))) func `Every table, view and column has a comment`() async throws {
        try await withEmptyDatabase { (pool) async throws in
            _ = try await JobLedger.migrate(pool, logger: quiet)
            let bare = try await pool.query(
                """
                SELECT c.relname || coalesce('.' || a.attname, '') AS name FROM pg_class c
                LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm')
                    AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)
                """)
            #expect(try bare.map { try $0.string("name") } == [])
        }
    }

    /// Columns, constraints, indexes, views, functions, triggers, types and their comments: one line each.
    private func catalog(of used: PostgresPool) async throws -> [String] {
        // A connection that migrated has another path, and with it other spellings of names.
        let pool = PostgresPool(used.options, logger: quiet)
        let rows = try await pool.query(
            """
            SELECT line FROM (
                SELECT format('column %s.%s %s null=%s default=%s comment=%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                    NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)) AS line
                FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm')
                UNION ALL
                SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
                FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                UNION ALL
                SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
                UNION ALL
                SELECT format('table %s comment=%s', relname, obj_description(oid, 'pg_class')) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                UNION ALL
                SELECT format('%s comment=%s', pg_get_functiondef(oid), obj_description(oid, 'pg_proc')) FROM pg_proc
                WHERE pronamespace = 'tidewheel'::regnamespace
                UNION ALL
                SELECT format('trigger %s comment=%s', replace(pg_get_triggerdef(oid), 'FUNCTION tidewheel.', 'FUNCTION '), obj_description(oid, 'pg_trigger'))
                FROM pg_trigger WHERE NOT tgisinternal
                UNION ALL
                SELECT format('view %s comment=%s %s', relname, obj_description(oid, 'pg_class'), pg_get_viewdef(oid)) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
                UNION ALL
                SELECT format('index comment %s=%s', relname, obj_description(oid, 'pg_class')) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind = 'i' AND obj_description(oid, 'pg_class') IS NOT NULL
                UNION ALL
                SELECT format('type %s', typname) FROM pg_type t WHERE typnamespace IN ('public'::regnamespace, 'tidewheel'::regnamespace)
                    AND typtype IN ('e', 'd')
                UNION ALL
                SELECT format('sequence %s', relname) FROM pg_class
                WHERE relnamespace IN ('public'::regnamespace, 'tidewheel'::regnamespace) AND relkind = 'S'
            ) AS lines ORDER BY line
            """)
        await pool.close()
        return try rows.map { try $0.string("line") }
    }
}
