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
        Fault(
            name: "PostgreSQL is away for longer than the lease", target: .postgres, refusal: "unavailable", missesRuns: Trial.isLong,
            isAlone: true
        ) { fleet, random in
            // More than the slots of all workers: whoever still claims now would hold more than its slots.
            try await HeldJobs.queueMany(fleet)
            let memory = try await fleet.memoryOfRedis()
            await fleet.postgresServer.stop()
            try await last(fleet.lease)
            let held = try await HeldJobs.look(fleet)
            // What is away for a minute is away for good, as far as any timeout of ours goes.
            try await last(Trial.isLong ? .seconds(60) - fleet.lease : fleet.lease * 2)
            let after = try await HeldJobs.look(fleet)
            let growth = try await fleet.memoryOfRedis() - memory
            try await fleet.postgresServer.restart()
            try held.compare(with: after, in: fleet)
            guard growth < 16 << 20 else { throw Wrong(what: "Redis grew by \(growth) bytes while PostgreSQL was away") }
            return "workers held \(after.count) attempts while PostgreSQL was away; Redis grew by \(growth / 1024) KiB"
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
