internal import Glibc
internal import JobModel
package import Logging
package import PostgresWire

/// How files are applied: while other versions of the program run, and beside other processes that do the same.
/// A lock on a table is waited for only briefly, because everybody else who wants the table waits behind it; then the file is tried again.
extension JobLedger {
    /// Applies what is missing, each file in a transaction of its own unless it says otherwise; returns the names of the files that this call
    /// applied. Any number of processes may call it at once: an advisory lock lets one at a time through.
    package static func migrate(
        _ pool: PostgresPool, logger: Logger, migrations: [Migration] = Migration.all, lockTimeout: Duration = .seconds(3)
    ) async throws(PostgresError) -> [String] {
        _ = try await whenLocked(pool, logger, lockTimeout) { (connection) throws(PostgresError) in
            try connection.script(Statements.migrationsTable)
            return false
        }
        var applied: [String] = []
        for migration in migrations {
            let isNew =
                migration.isConcurrent
                ? try await pool.session(timeLimit: patience) { (connection) throws(PostgresError) in
                    try connection.applyConcurrently(migration, patience)
                }
                : try await whenLocked(pool, logger, lockTimeout) { (connection) throws(PostgresError) in
                    try connection.apply(migration)
                }
            guard isNew else { continue }
            logger.info("Applied a migration", metadata: ["migration": "\(migration.name)"])
            applied.append(migration.name)
        }
        return applied
    }

    /// Names of the files that `migrate` would apply.
    package func pendingMigrations() async throws(PostgresError) -> [String] {
        let table = try await pool.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there")
        guard try table.first?.bool("there") == true else { return Migration.all.map(\.name) }
        let rows = try await pool.query("SELECT version FROM schema_migrations")
        let versions = Set(try rows.map { (row) throws(PostgresError) in try row.int("version") })
        return Migration.all.filter { !versions.contains(Int64($0.version)) }.map(\.name)
    }

    /// For a file that rewrites a large table, or the wait for another process that does.
    private static let patience: Duration = .seconds(3600)

    /// Runs `body` in a transaction that holds the advisory lock. Nobody waits for that lock inside a transaction: an index that is made
    /// concurrently by its holder would wait for the waiter's snapshot.
    private static func whenLocked(
        _ pool: PostgresPool, _ logger: Logger, _ lockTimeout: Duration,
        _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Bool
    ) async throws(PostgresError) -> Bool {
        let deadline = ContinuousClock.now + patience
        while true {
            do throws(PostgresError) {
                let done: Bool? = try await pool.transaction(timeLimit: patience) { (connection) throws(PostgresError) in
                    try connection.script("SET LOCAL lock_timeout = \(lockTimeout.components.seconds * 1000)")
                    guard try connection.tookMigrationLock("pg_try_advisory_xact_lock") else { return nil }
                    try connection.useMigrationPath(inTransaction: true)
                    return try body(connection)
                }
                if let done { return done }
            } catch {
                // 55P03: somebody holds a table.
                guard error.sqlState == "55P03" else { throw error }
                logger.notice("A table is locked; the migration is tried again in a moment")
            }
            guard ContinuousClock.now < deadline else { throw PostgresError.migrationsLocked }
            do { try await Task.sleep(for: .milliseconds(Int.random(in: 100...400))) } catch {
                throw PostgresError(.cancelled, "Cancelled while it waited for the migration lock")
            }
        }
    }
}

extension PostgresError {
    fileprivate static let migrationsLocked = PostgresError(.timeout, "Another process held the migration lock, or a table, for an hour")
}

extension PostgresConnection {
    /// "tidewhee" in ASCII: the same number in every version.
    fileprivate func tookMigrationLock(_ function: String) throws(PostgresError) -> Bool {
        try query("SELECT \(function)(8388068008227661925) AS mine").first?.bool("mine") == true
    }

    fileprivate func useMigrationPath(inTransaction: Bool) throws(PostgresError) {
        _ = try query(Statements.migrationPath, [.boolean(inTransaction)])
    }

    fileprivate func apply(_ migration: Migration) throws(PostgresError) -> Bool {
        guard try !isApplied(migration) else { return false }
        try script(migration.sql)
        try note(migration)
        return true
    }

    /// Statement by statement. What a run before this one left unfinished is made anew: PostgreSQL keeps such an index, marked invalid.
    fileprivate func applyConcurrently(_ migration: Migration, _ patience: Duration) throws(PostgresError) -> Bool {
        let deadline = ContinuousClock.now + patience
        while try !tookMigrationLock("pg_try_advisory_lock") {
            guard ContinuousClock.now < deadline else { throw PostgresError.migrationsLocked }
            usleep(UInt32.random(in: 100_000...400_000))
        }
        try useMigrationPath(inTransaction: false)
        guard try !isApplied(migration) else { return false }
        for row in try query(Statements.invalidIndexes, [.textArray(migration.madeIndexes)]) {
            try script("DROP INDEX CONCURRENTLY \(try row.string("name"))")
        }
        for statement in migration.statements { try script(statement) }
        try note(migration)
        return true
    }

    private func isApplied(_ migration: Migration) throws(PostgresError) -> Bool {
        let version = PostgresValue.integer(Int64(migration.version))
        guard let row = try query("SELECT checksum FROM schema_migrations WHERE version = $1", [version]).first else { return false }
        let checksum = try row.string("checksum")
        // `schema.sql` made what the migrations up to its own number add up to.
        guard checksum == migration.checksum || checksum == "schema.sql" else {
            throw PostgresError(
                .statement,
                "Migration \(migration.name) was changed after it was applied. Restore the file and add a new one with the change")
        }
        return true
    }

    private func note(_ migration: Migration) throws(PostgresError) {
        try execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            [.integer(Int64(migration.version)), .text(migration.name), .text(migration.checksum)])
    }
}
