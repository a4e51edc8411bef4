import JobModel
import PrivateServers
import RedisWire
import TestServers

extension Fault {
    static let ofRedis = [
        Fault(name: "CLIENT KILL of every connection", target: .redis) { fleet, random in
            var killed: Int64 = 0
            for _ in 0..<5 {
                for type: RedisArgument in ["normal", "pubsub"] {
                    killed += try await fleet.ask(["CLIENT", "KILL", "TYPE", type]).integer ?? 0
                }
                try await last(milliseconds: 20...200, &random)
            }
            guard killed > 0 else { throw HitNothing(what: "there was no connection to kill") }
            return "\(killed) connections were closed by Redis"
        },
        Fault(name: "CLIENT PAUSE", target: .redis) { fleet, random in
            _ = try await fleet.ask(["CLIENT", "PAUSE", "1200", "ALL"])
            try await last(.milliseconds(1300))
            _ = try await fleet.ask(["CLIENT", "PAUSE", "1200", "WRITE"])
            try await last(.milliseconds(1200))
            return "Redis answered nobody for 1.2 s, then no write for 1.2 s"
        },
        Fault(name: "DEBUG SLEEP", target: .redis) { fleet, random in
            _ = try await fleet.ask(["DEBUG", "SLEEP", "2.3"], timeout: .seconds(20))
            return "Redis slept for 2.3 s, longer than a command may take"
        },
        Fault(name: "Redis is frozen past the lease", target: .redis) { fleet, random in
            fleet.redisServer.freeze()
            try await last(fleet.lease * 1.6)
            fleet.redisServer.thaw()
            return "Redis stood still for \((fleet.lease * 1.6).formatted)"
        },
        Fault(name: "Redis is killed and started from its append-only file", target: .redis) { fleet, random in
            fleet.redisServer.kill()
            _ = await fleet.redisServer.exit()
            try await last(milliseconds: 0...300, &random)
            try await fleet.redisServer.restart()
            let keys = try await fleet.ask(["DBSIZE"]).integer ?? 0
            guard keys > 0 else { throw HitNothing(what: "Redis came back empty") }
            return "Redis came back with \(keys) keys"
        },
        Fault(name: "Redis is away for longer than the lease", target: .redis) { fleet, random in
            fleet.redisServer.kill()
            _ = await fleet.redisServer.exit()
            try await last(fleet.lease * 1.6)
            try await fleet.redisServer.restart()
            return "Redis was away for \((fleet.lease * 1.6).formatted)"
        },
        Fault(name: "the append-only file is torn inside a transaction, and two restarts", target: .redis, redisForgets: true) {
            fleet, random in
            fleet.redisServer.kill()
            _ = await fleet.redisServer.exit()
            let lost = try TornLog.tear(in: fleet.redisServer.directory, &random)
            try await fleet.redisServer.restart()
            try await last(milliseconds: 200...600, &random)
            fleet.redisServer.kill()
            _ = await fleet.redisServer.exit()
            try await fleet.redisServer.restart()
            return "the last \(lost) bytes of the file were torn off in the middle of a transaction"
        },
        Fault(name: "FLUSHALL", target: .redis, redisForgets: true) { fleet, random in
            let keys = try await fleet.ask(["DBSIZE"]).integer ?? 0
            guard keys > 0 else { throw HitNothing(what: "Redis was empty") }
            _ = try await fleet.ask(["FLUSHALL"])
            return "\(keys) keys were lost"
        },
        Fault(name: "consumer groups and scripts are lost", target: .redis) { fleet, random in
            var destroyed: Int64 = 0
            for _ in 0..<3 {
                _ = try await fleet.ask(["SCRIPT", "FLUSH"])
                for stream in try await fleet.ask(["KEYS", "*_jobs*"]).array?.compactMap(\.string) ?? [] {
                    // Lanes and turns have such names too, and are no streams.
                    destroyed += (try? await fleet.redis.command(["XGROUP", "DESTROY", .string(stream), "workers"]).integer) ?? 0
                }
                try await last(milliseconds: 50...200, &random)
            }
            guard destroyed > 0 else { throw HitNothing(what: "there was no group") }
            return "\(destroyed) groups were destroyed, the scripts flushed 3 times"
        },
        Fault(name: "Redis reaches maxmemory", target: .redis, refusal: "full") { fleet, random in
            _ = try await fleet.ask(["CONFIG", "SET", "maxmemory", "1"])
            let door = Door(fleet.apis, book: Book())
            let hit = await Result {
                try await eventually { await door.send("POST", "/jobs", Order.slow(&random).body)?.problem == "full" }
            }
            try await last(milliseconds: 300...800, &random)
            _ = try await fleet.ask(["CONFIG", "SET", "maxmemory", "0"])
            try hit.get()
            return "new jobs were refused with 503 full until the limit was lifted"
        },
    ]
}

extension Fleet {
    /// Past all links, and again while Redis is on its way back.
    func ask(_ command: [RedisArgument], timeout: Duration? = nil) async throws -> RedisReply {
        var reply = RedisReply.null
        try await eventually(within: .seconds(20)) {
            reply = try await redis.command(command, timeout: timeout)
            return true
        }
        return reply
    }
}
