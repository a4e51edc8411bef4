internal import JobModel
package import RedisWire

/// Programs that take their jobs over HTTP: what they said of themselves with their last claim, and the leases that they hold. For people and
/// for scaling only; recovery looks at leases.
extension JobQueue {
    /// An idle one is forgotten after so long without a claim.
    static let httpWorkerMilliseconds: Int64 = 60_000

    package func noteHTTPWorker(_ name: String, host: String, queues: [String], slots: Int) async throws(RedisError) {
        let words: JSONValue = [
            "host": .string(host), "queues": .array(queues.map(JSONValue.string)), "slots": .integer(Int64(slots)),
            "seen": .integer(Timestamp.now.milliseconds),
        ]
        _ = try await redis.pipeline([
            ["HSET", .string(keys.httpWorkers), .string(name), .string(words.serialized)],
            ["PEXPIRE", .string(keys.httpWorkers), .integer(JobQueue.httpWorkerMilliseconds)],
        ])
    }

    /// Forgets those that have said nothing for long.
    package func sweepHTTPWorkers() async throws(RedisError) {
        let known = try await redis.command(["HGETALL", .string(keys.httpWorkers)]).fields ?? [:]
        let oldest = Timestamp.now.milliseconds - JobQueue.httpWorkerMilliseconds
        for (name, words) in known where HTTPWorkers.seen(words) < oldest {
            _ = try await redis.command(["HDEL", .string(keys.httpWorkers), .string(name)])
        }
    }
}

enum HTTPWorkers {
    static func seen(_ words: String) -> Int64 {
        (try? JSONReader.read(words))?["seen"]?.integer.map(Int64.init) ?? 0
    }

    /// One for each name, in their order; what was said long ago counts only with a lease.
    static func of(_ said: [String: String], holding leases: [WorkerInfo], _ now: Int64) -> [WorkerInfo] {
        let held = Dictionary(grouping: leases) { $0.http ?? "" }
        let fresh = said.filter { now - seen($0.value) < JobQueue.httpWorkerMilliseconds }
        return Set(held.keys).union(fresh.keys).sorted().map { worker($0, fresh[$0], held[$0] ?? [], now) }
    }

    private static func worker(_ name: String, _ words: String?, _ leases: [WorkerInfo], _ now: Int64) -> WorkerInfo {
        let said = words.flatMap { try? JSONReader.read($0) }
        let queues = said?["queues"]?.array?.compactMap(\.string) ?? leases.first?.queues ?? []
        // A claim waits for 30 s at most, so one that is silent for longer has gone.
        let idle = words.map { max(0, now - seen($0) - 30_000) } ?? .max
        return WorkerInfo(
            name: name, host: said?["host"]?.string ?? leases.first?.host ?? "", processID: 0, version: "", queues: queues,
            slots: max(said?["slots"]?.integer ?? 0, leases.count), running: leases.count, leftBehind: 0,
            startedAt: leases.compactMap(\.startedAt).min(), beat: 0, isDead: false, isForSuspects: false, isDraining: false,
            silentMilliseconds: min(idle, leases.map(\.silentMilliseconds).min() ?? .max), idleMilliseconds: 0, http: name)
    }
}
