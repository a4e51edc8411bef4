/// Redis: whether it answers, keeps what it is given, and has the same time.
import JobModel
import RedisWire

struct RedisChecks: Sendable {
    let redis: RedisConnection
    let address: RedisAddress
    let settings: Settings

    func run() async -> [Finding] {
        let info: [String: String]
        do {
            let text = try await redis.command(["INFO"]).string ?? ""
            info = Dictionary(
                text.split(whereSeparator: \.isNewline).compactMap { line in
                    line.firstIndex(of: ":").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
                }, uniquingKeysWith: { first, _ in first })
        } catch {
            return [
                .fail(
                    "redis", "\(address) does not answer: \(error)", "Start it, or correct REDIS_URL; without it no job is accepted or run."
                )
            ]
        }
        return [
            Self.version(info, address), await policy(), Self.memory(info), await persistence(info), Self.saving(info), await packing(),
            await clock(),
        ]
    }

    static func version(_ info: [String: String], _ address: RedisAddress) -> Finding {
        let version = info["redis_version"] ?? "of unknown version"
        let text = "\(address) answers, version \(version)"
        guard (version.split(separator: ".").first.flatMap { Int($0) } ?? 0) >= 7 else {
            return .fail("redis", text, "Its scripts need Redis 7.0 or later (or Valkey).")
        }
        guard info["role"] != "slave" else { return .fail("redis", "\(text), is a replica", "Let REDIS_URL name the primary.") }
        return .ok("redis", text)
    }

    private func policy() async -> Finding {
        guard let policy = await setting("maxmemory-policy") else {
            return .warn(
                "redis policy", "it does not tell its maxmemory-policy", "Make sure that it is noeviction: any other may throw jobs away.")
        }
        if policy == "noeviction" { return .ok("redis policy", "maxmemory-policy noeviction") }
        let mend = "CONFIG SET maxmemory-policy noeviction, and in redis.conf: any other may throw jobs away."
        return settings[Known.allowEviction]
            ? .warn("redis policy", "maxmemory-policy \(policy), allowed by TIDEWHEEL_ALLOW_EVICTION", mend)
            : .fail("redis policy", "maxmemory-policy \(policy)", mend)
    }

    static func memory(_ info: [String: String]) -> Finding {
        let used = info["used_memory"].flatMap { Int64($0) } ?? 0
        let limit = info["maxmemory"].flatMap { Int64($0) } ?? 0
        guard limit > 0 else { return .ok("redis memory", "\(used >> 20) MiB in use, without a limit") }
        let text = "\(used >> 20) of \(limit >> 20) MiB in use"
        let mend = "At the limit new jobs are refused (503). Raise maxmemory, or shorten JOB_RETENTION_SECONDS."
        return used > limit
            ? .fail("redis memory", text, mend) : used > limit / 10 * 9 ? .warn("redis memory", text, mend) : .ok("redis memory", text)
    }

    private func persistence(_ info: [String: String]) async -> Finding {
        let name = "redis persistence"
        guard info["aof_enabled"] == "1" else {
            return .warn(
                name, "no append-only file",
                "CONFIG SET appendonly yes, and in redis.conf: without it a restart loses jobs of kinds that are not recorded, and progress."
            )
        }
        switch await setting("appendfsync") {
        case "no": return .warn(name, "append-only file, written when the system likes", "CONFIG SET appendfsync everysec.")
        case let when: return .ok(name, "append-only file, fsync \(when ?? "unknown")")
        }
    }

    static func saving(_ info: [String: String]) -> Finding {
        let bad = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"].filter { (info[$0] ?? "ok") != "ok" }
        guard !bad.isEmpty else { return .ok("redis saving", "its last saves went well") }
        return .fail(
            "redis saving", "\(bad.joined(separator: ", ")) is not ok",
            "Look at Redis' log and its disk: it may refuse writes, or lose them with a restart.")
    }

    private func packing() async -> Finding {
        let name = "hash-max-listpack-value"
        guard let value = await setting(name).flatMap({ Int($0) }) else { return .ok("redis packing", "\(name) is not told") }
        guard value >= 1024 else {
            return .warn("redis packing", "\(name) is \(value)", "CONFIG SET \(name) 1024: a waiting job then takes about half the memory.")
        }
        return .ok("redis packing", "\(name) \(value)")
    }

    private func clock() async -> Finding {
        let before = Timestamp.now
        guard let time = try? await redis.command(["TIME"]).array, let seconds = time.first?.integer, let micros = time.last?.integer else {
            return .warn("redis clock", "it does not tell its time", "Allow TIME to the user of REDIS_URL.")
        }
        return ClockCheck.finding("redis clock", other: seconds * 1000 + micros / 1000, before: before, after: .now)
    }

    private func setting(_ name: String) async -> String? {
        try? await redis.command(["CONFIG", "GET", .string(name)]).array?.last?.string
    }
}

enum ClockCheck {
    /// The other clock was read between the two moments: what is known of the difference is known to the length of that.
    static func finding(_ name: String, other: Int64, before: Timestamp, after: Timestamp) -> Finding {
        let skew = other < before.milliseconds ? other - before.milliseconds : max(0, other - after.milliseconds)
        let text = skew == 0 ? "the same as here" : "\(abs(skew)) ms \(skew > 0 ? "ahead of" : "behind") this machine"
        let mend = "Let NTP keep both: due times, retries and estimates go by these clocks (leases do not)."
        return abs(skew) >= 60_000 ? .fail(name, text, mend) : abs(skew) >= 1_000 ? .warn(name, text, mend) : .ok(name, text)
    }
}
