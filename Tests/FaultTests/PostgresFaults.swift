import PostgresWire
import PrivateServers
import TestServers

extension Fault {
    static let ofPostgres = [
        Fault(name: "PostgreSQL is stopped and started", target: .postgres) { fleet, random in
            await fleet.postgresServer.stop()
            try await last(milliseconds: 300...1000, &random)
            try await fleet.postgresServer.restart()
            return "PostgreSQL was stopped and came back"
        },
        Fault(name: "PostgreSQL is killed and started", target: .postgres) { fleet, random in
            for _ in 0..<2 {
                fleet.postgresServer.kill()
                _ = await fleet.postgresServer.exit()
                try await last(milliseconds: 0...500, &random)
                try await fleet.postgresServer.restart()
                try await last(milliseconds: 0...500, &random)
            }
            return "PostgreSQL was killed twice and recovered"
        },
        Fault(name: "PostgreSQL is frozen", target: .postgres) { fleet, random in
            fleet.postgresServer.freeze()
            try await last(.milliseconds(2000))
            fleet.postgresServer.thaw()
            return "PostgreSQL stood still for 2 s"
        },
        Fault(name: "PostgreSQL ends every connection", target: .postgres) { fleet, random in
            var ended = 0
            for _ in 0..<4 {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tidewheel' AND pid <> pg_backend_pid()"
                ended += (try? await fleet.database.query(sql).count) ?? 0
                try await last(milliseconds: 50...300, &random)
            }
            guard ended > 0 else { throw HitNothing(what: "there was no connection") }
            return "\(ended) connections were ended"
        },
    ]
}
