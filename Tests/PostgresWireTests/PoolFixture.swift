import Logging
import PostgresWire
import PrivateServers
import TestServers

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func withPool(
    _ size: Int = 4, statementTimeout: Duration = .seconds(30), url: String? = nil, logger: Logger = quiet,
    _ body: (PostgresPool) async throws -> Void
) async throws {
    let address: String
    if let url { address = url } else { address = try await TestPostgres.freshDatabase() }
    let pool = PostgresPool(PostgresOptions(url: address, poolSize: size, statementTimeout: statementTimeout), logger: logger)
    do { try await body(pool) } catch {
        await pool.close()
        throw error
    }
    await pool.close()
}

/// The error that `body` throws; nil when it succeeds.
func failure<Value>(_ body: () async throws(PostgresError) -> Value) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch { return error }
}

/// Waits until a statement whose text contains `marker` runs on the server.
func untilRunning(_ marker: String, seenBy pool: PostgresPool) async throws {
    try await eventually {
        try await !pool.query(
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()",
            [.text(marker)]
        ).isEmpty
    }
}
