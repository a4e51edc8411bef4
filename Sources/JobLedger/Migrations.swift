internal import JobModel
package import Logging
package import PostgresWire

/// One numbered SQL file. Files are only ever added: an applied one must not change.
package struct Migration: Sendable {
    package let version: Int
    package let name: String
    package let sql: String
    var checksum: String { Digest.sha256(sql) }

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }

    package static let all = [
        Migration(version: 1, name: "0001_jobs", sql: Statements.text(PackageResources.migration_0001_jobs_sql)),
        Migration(version: 2, name: "0002_documents", sql: Statements.text(PackageResources.migration_0002_documents_sql)),
        Migration(version: 3, name: "0003_options", sql: Statements.text(PackageResources.migration_0003_options_sql)),
        Migration(version: 4, name: "0004_limits", sql: Statements.text(PackageResources.migration_0004_limits_sql)),
        Migration(version: 5, name: "0005_leadership", sql: Statements.text(PackageResources.migration_0005_leadership_sql)),
        Migration(version: 6, name: "0006_steps", sql: Statements.text(PackageResources.migration_0006_steps_sql)),
        Migration(version: 7, name: "0007_flows", sql: Statements.text(PackageResources.migration_0007_flows_sql)),
        Migration(version: 8, name: "0008_lists", sql: Statements.text(PackageResources.migration_0008_lists_sql)),
        Migration(version: 9, name: "0009_schedules", sql: Statements.text(PackageResources.migration_0009_schedules_sql)),
        Migration(version: 10, name: "0010_unique", sql: Statements.text(PackageResources.migration_0010_unique_sql)),
        Migration(version: 11, name: "0011_enqueue", sql: Statements.text(PackageResources.migration_0011_enqueue_sql)),
        Migration(version: 12, name: "0012_presentations", sql: Statements.text(PackageResources.migration_0012_presentations_sql)),
    ]
}

extension JobLedger {
    /// Applies what is missing, each file in a transaction of its own; returns the names of the files that this call applied.
    /// Any number of processes may call it at once: an advisory lock lets one at a time through.
    package static func migrate(
        _ pool: PostgresPool, logger: Logger, migrations: [Migration] = Migration.all
    ) async throws(PostgresError) -> [String] {
        try await pool.transaction(timeLimit: patience) { (connection) throws(PostgresError) in
            try connection.lockMigrations()
            try connection.script(Statements.migrationsTable)
        }
        var applied: [String] = []
        for migration in migrations {
            let isNew = try await pool.transaction(timeLimit: patience) { (connection) throws(PostgresError) in
                try connection.lockMigrations()
                return try connection.apply(migration)
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
}

extension PostgresConnection {
    /// "tidewhee" in ASCII: the same number in every version, held until the transaction ends. So is where tables are made.
    fileprivate func lockMigrations() throws(PostgresError) {
        try execute("SELECT pg_advisory_xact_lock(8388068008227661925)")
        _ = try query(Statements.migrationPath)
    }

    fileprivate func apply(_ migration: Migration) throws(PostgresError) -> Bool {
        let version = PostgresValue.integer(Int64(migration.version))
        if let row = try query("SELECT checksum FROM schema_migrations WHERE version = $1", [version]).first {
            // `schema.sql` made what the migrations up to its own number add up to.
            let checksum = try row.string("checksum")
            guard checksum == migration.checksum || checksum == "schema.sql" else {
                throw PostgresError(
                    .statement,
                    "Migration \(migration.name) was changed after it was applied. Restore the file and add a new one with the change")
            }
            return false
        }
        try script(migration.sql)
        try execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            [version, .text(migration.name), .text(migration.checksum)])
        return true
    }
}
