/// PostgreSQL: whether it answers, has the tables of this version, and has the same time.
import JobLedger
import JobModel
import PostgresWire

struct PostgresChecks: Sendable {
    let pool: PostgresPool
    let ledger: JobLedger

    func run() async -> [Finding] {
        let before = Timestamp.now
        let row: PostgresRow?
        do {
            row = try await pool.query(
                """
                SELECT current_setting('server_version_num')::int8 AS version, (extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now, \
                pg_is_in_recovery() AS standby, current_setting('max_connections')::int8 AS most, \
                (SELECT count(*) FROM pg_stat_activity) AS used, \
                EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS vector
                """
            ).first
        } catch {
            return [
                .fail(
                    "postgresql", "\(pool.options) does not answer: \(error)",
                    "Start it, or correct DATABASE_URL; without it recorded jobs are neither accepted nor ended.")
            ]
        }
        guard let row, let version = try? row.int("version"), let now = try? row.int("now") else {
            return [.fail("postgresql", "\(pool.options) answers in an unknown way", "Is DATABASE_URL a PostgreSQL?")]
        }
        let clock = ClockCheck.finding("postgresql clock", other: now, before: before, after: .now)
        return [
            Self.server(version, isStandby: (try? row.bool("standby")) ?? false, "\(pool.options)"), await migrations(), connections(row),
            vectors(row), clock,
        ]
    }

    static func server(_ number: Int64, isStandby: Bool, _ address: String) -> Finding {
        let text = "\(address) answers, version \(number / 10_000).\(number % 10_000)"
        if number < 150_000 { return .fail("postgresql", text, "It must be PostgreSQL 15 or later.") }
        if isStandby { return .fail("postgresql", "\(text), is a standby", "Let DATABASE_URL name the primary.") }
        return .ok("postgresql", text)
    }

    private func migrations() async -> Finding {
        do {
            let pending = try await ledger.pendingMigrations()
            guard pending.isEmpty else {
                return .fail("migrations", "\(pending.count) are missing, from \(pending[0]) on", "Run `tidewheel migrate`.")
            }
            return .ok("migrations", "up to date")
        } catch {
            return .fail("migrations", "cannot be read: \(error)", "Run `tidewheel migrate` as the owner of the database.")
        }
    }

    private func connections(_ row: PostgresRow) -> Finding {
        let (used, most) = ((try? row.int("used")) ?? 0, (try? row.int("most")) ?? 0)
        let text = "\(used) of \(most) connections in use"
        return used * 10 > most * 9
            ? .warn("connections", text, "Raise max_connections, lower TIDEWHEEL_POSTGRES_POOL, or put a pooler in between.")
            : .ok("connections", text)
    }

    private func vectors(_ row: PostgresRow) -> Finding {
        .ok("vectors", (try? row.bool("vector")) == true ? "pgvector is there" : "no pgvector: nearest neighbours are compared one by one")
    }
}
