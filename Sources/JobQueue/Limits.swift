package import JobModel
package import RedisWire

/// Limits of the whole fleet, as the scripts read them. PostgreSQL keeps them for good; these are applied.
extension JobQueue {
    /// Replaces all limits; what they leave room for now is queued.
    package func setLimits(_ limits: [Limit]) async throws(RedisError) {
        let arguments = limits.flatMap { limit -> [RedisArgument] in
            [.string("\(limit.scope.rawValue):\(limit.name)"), .string(limit.text)]
        }
        _ = try await run(Scripts.setLimits, keys: [keys.limits], arguments: arguments)
    }

    /// What the scripts go by now, sorted.
    package func limits() async throws(RedisError) -> [Limit] {
        let fields = try await redis.command(["HGETALL", .string(keys.limits)]).fields ?? [:]
        return fields.sorted { $0.key < $1.key }.compactMap { Limit(field: $0.key, text: $0.value) }
    }

    /// Takes back permits that a torn log left behind and wakes what waits for them: about `count` limits from a cursor on.
    /// Returns the next cursor, "0" at the end.
    package func sweepLimits(from cursor: String, count: Int64 = 100) async throws(RedisError) -> (cursor: String, takenBack: Int) {
        let reply = try await run(Scripts.sweepLimits, keys: [keys.permitted], arguments: [.string(cursor), .integer(count)])
        guard let parts = reply.array, parts.count == 2, let next = parts[0].string, let taken = parts[1].integer else {
            throw unexpected(Scripts.sweepLimits, reply)
        }
        return (next, Int(clamping: taken))
    }
}

extension Limit {
    /// `<most> <count> <per ms> <burst> <weight>`, with - for what there is not.
    fileprivate var text: String {
        let most = concurrency.map { String($0) } ?? "-"
        let bucket = rate.map { "\($0.count) \($0.perMilliseconds) \($0.burst)" } ?? "- - -"
        return "\(most) \(bucket) \(weight)"
    }

    fileprivate init?(field: String, text: String) {
        let name = field.split(separator: ":", maxSplits: 1)
        let parts = text.split(separator: " ")
        guard name.count == 2, let scope = Scope(rawValue: String(name[0])), parts.count == 5 else { return nil }
        var rate: Rate?
        if let count = Int(parts[1]), let per = Int64(parts[2]), let burst = Int(parts[3]) {
            rate = Rate(count: count, perMilliseconds: per, burst: burst)
        }
        self.init(scope: scope, name: String(name[1]), concurrency: Int(parts[0]), rate: rate, weight: Int(parts[4]) ?? 1)
    }
}
