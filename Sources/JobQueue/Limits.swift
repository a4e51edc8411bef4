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

    /// Permits looked at in one script call.
    private static let sweepBatch: Int64 = 500

    /// Takes back permits that nobody uses (a torn log left them, or a woken job whose queue is paused) and wakes who waits for them: about
    /// `count` limits from a cursor on. Returns the next cursor, "0" at the end. Cost: script calls of some milliseconds at most, with pauses.
    package func sweepLimits(from cursor: String, count: Int64 = 100) async throws(RedisError) -> (cursor: String, takenBack: Int) {
        let page = try await redis.command(["SSCAN", .string(keys.permitted), .string(cursor), "COUNT", .integer(count)]).array ?? []
        var names = page.last?.array?.compactMap(\.string) ?? []
        var rank: Int64 = 0
        var takenBack = 0
        var pace = Pace()
        while !names.isEmpty {
            try await pace.wait()
            let part = try await sweepSome(names, from: rank)
            names.removeFirst(min(part.done, names.count))
            rank = part.rank
            takenBack += part.taken
        }
        return (page.first?.string ?? "0", takenBack)
    }

    private func sweepSome(_ names: [String], from rank: Int64) async throws(RedisError) -> (done: Int, rank: Int64, taken: Int) {
        let ranks = [rank] + Array(repeating: 0, count: names.count - 1)
        let arguments = zip(names, ranks).flatMap { [RedisArgument.string($0), .integer($1)] }
        let reply = try await run(Scripts.sweepLimits, keys: [keys.permitted], arguments: [.integer(JobQueue.sweepBatch)] + arguments)
        guard let parts = reply.array, parts.count == 3, let done = parts[0].integer, let next = parts[1].integer,
            let taken = parts[2].integer
        else { throw unexpected(Scripts.sweepLimits, reply) }
        return (Int(clamping: done), next, Int(clamping: taken))
    }

    /// All limits once around.
    package func sweepLimits() async throws(RedisError) -> Int {
        var cursor = "0"
        var takenBack = 0
        repeat {
            let part = try await sweepLimits(from: cursor)
            cursor = part.cursor
            takenBack += part.takenBack
        } while cursor != "0"
        return takenBack
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
