import RedisWire

/// What no job may leave in Redis when all have ended: entries, pending entries, live hashes, due times, permits, parked jobs.
/// Works by exclusion: a key without an end that is not known to stay is a leftover, whatever it is called.
enum Leftovers {
    /// Kept for good: who works, what is configured, counters, dead letters (which leave by age), and whose turn came last.
    private static let lasting: Set<String> = ["workers", "generation", "dead", "leader", "queues", "limits", "paused"]
    private static let lastingPrefixes = ["stats:", "worker:", "durations:", "limit:config:"]

    static func find(in redis: RedisConnection) async throws -> [String] {
        var found: [String] = []
        for key in try await keys(redis) {
            switch try await redis.command(["TYPE", .string(key)]).string {
            case "stream": found += try await entries(of: key, redis)
            case "none": continue
            default:
                guard !lasting.contains(key), !lastingPrefixes.contains(where: key.hasPrefix), !key.hasSuffix(":times") else { continue }
                let left = try await redis.command(["PTTL", .string(key)]).integer ?? 0
                if left == -1 { found.append("the key \(key) stays for ever") }
            }
        }
        return found
    }

    /// Where Redis has a job: for whoever must find out why it does not move.
    static func place(of id: String, _ redis: RedisConnection) async -> String {
        let fields = ["status", "attempt", "lease", "entry", "permits", "queue"]
        guard
            let hash = try? await redis.command(["HMGET", .string("job:\(id)")] + fields.map { .string($0) }).array?.map({
                $0.string ?? "-"
            })
        else { return "nobody knows where" }
        let place = hash[3].drop { $0 == "+" }  // the mark of a plain job that waits
        let level = place.contains(":") ? ":" + place.prefix { $0 != ":" } : ""
        let stream = "\(hash[5])_jobs\(level)"
        let groups = (try? await redis.command(["XINFO", "GROUPS", .string(stream)]).array?.first?.array?.map { $0.string ?? "-" }) ?? []
        let words = zip(fields, hash).map { "\($0) \($1)" }.joined(separator: ", ")
        return "\(words), the group of \(stream): \(groups.joined(separator: " "))"
    }

    private static func entries(of stream: String, _ redis: RedisConnection) async throws -> [String] {
        let length = try await redis.command(["XLEN", .string(stream)]).integer ?? 0
        let pending = try? await redis.command(["XPENDING", .string(stream), "workers"]).array?.first?.integer
        return length == 0 && (pending ?? 0) == 0 ? [] : ["\(stream) has \(length) entries, \(pending ?? 0) of them pending"]
    }

    private static func keys(_ redis: RedisConnection) async throws -> [String] {
        var keys: Set<String> = []
        var cursor = "0"
        repeat {
            let reply = try await redis.command(["SCAN", .string(cursor), "COUNT", 1000]).array ?? []
            keys.formUnion(reply.last?.array?.compactMap(\.string) ?? [])
            cursor = reply.first?.string ?? "0"
        } while cursor != "0"
        return keys.sorted()
    }
}
