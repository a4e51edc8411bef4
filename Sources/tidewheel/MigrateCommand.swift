/// `tidewheel migrate`: brings the database to the form that this version needs. May run again and beside others of its kind.
import ArgumentParser
import JobLedger
import Logging
import PostgresWire

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "migrate", abstract: "Bring the database up to date.")

    @OptionGroup var given: GivenFlags

    func run() async throws {
        let settings = try Settings(flags: given.byName())
        let applied = try await migrate(settings, logger: LineLog.logger("migrate", settings))
        for name in applied { print("applied \(name)") }
        print(applied.isEmpty ? "the database is up to date" : "the database is now up to date")
    }
}

/// Waits for PostgreSQL as long as the settings say, then applies what is missing. `dev` calls it too.
func migrate(_ settings: Settings, logger: Logger) async throws -> [String] {
    let pool = PostgresPool(Assembly.postgresOptions(settings, name: "tidewheel migrate", poolSize: 1), logger: logger)
    do {
        try await waitForPostgres(pool, seconds: settings[Known.patience], logger: logger)
        let applied = try await JobLedger.migrate(pool, logger: logger)
        let kinds = Assembly.kinds(settings)
        let ledger = JobLedger(pool, logger: logger)
        try await ledger.publish(kinds)
        try await ledger.retire(allBut: kinds)
        await pool.close()
        return applied
    } catch {
        await pool.close()
        throw error
    }
}

private func waitForPostgres(_ pool: PostgresPool, seconds: Int, logger: Logger) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var hasTold = false
    while await !pool.ping() {
        guard ContinuousClock.now < deadline else {
            throw Refusal("PostgreSQL at \(pool.options) did not answer within \(seconds) s. Start it, or correct DATABASE_URL.")
        }
        if !hasTold { logger.notice("Waiting for PostgreSQL", metadata: ["address": "\(pool.options)"]) }
        hasTold = true
        try await Task.sleep(for: .milliseconds(500))
    }
}
