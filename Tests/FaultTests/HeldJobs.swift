import JobModel
import RedisWire

/// Recorded jobs that workers hold in Redis at one moment, by stream and entry: the names of their workers.
struct HeldJobs {
    private let workers: [String: String]
    var count: Int { workers.count }

    /// Jobs of nobody's load, four for each slot, in one request. They take longer than PostgreSQL takes to stop.
    static func queueMany(_ fleet: Fleet) async throws {
        let job: JSONValue = ["kind": "slow", "input": ["ms": 300, "steps": 1]]
        let jobs = JSONValue.array(Array(repeating: job, count: fleet.workers.count * fleet.slots * 4))
        try await Door(fleet.apis, book: Book()).insist("POST", "/jobs/batch", ["jobs": jobs])
    }

    /// Past all links.
    static func look(_ fleet: Fleet) async throws -> HeldJobs {
        var workers: [String: String] = [:]
        for stream in try await fleet.ask(["KEYS", "*_jobs*"]).array?.compactMap(\.string) ?? [] where !stream.hasPrefix("notes_jobs") {
            guard try await fleet.ask(["TYPE", .string(stream)]).string == "stream" else { continue }
            for entry in try await fleet.ask(["XPENDING", .string(stream), "workers", "-", "+", "1000"]).array ?? [] {
                if let parts = entry.array, let id = parts.first?.string { workers["\(stream) \(id)"] = parts.dropFirst().first?.string }
            }
        }
        return HeldJobs(workers: workers)
    }

    /// Without PostgreSQL no recorded job can end, and none may be claimed by a worker that waits: each holds what it held, within its slots.
    /// A worker that died before keeps its jobs: its attempts cannot be fenced now.
    func compare(with later: HeldJobs, in fleet: Fleet) throws {
        guard count > 0 else { throw Fault.HitNothing(what: "no worker held a job") }
        let lost = Set(workers.keys).subtracting(later.workers.keys)
        guard lost.isEmpty else { throw Fault.Wrong(what: "workers gave away \(lost.count) of \(count) jobs: \(lost.sorted().prefix(3))") }
        let counts = Dictionary(grouping: later.workers.values, by: { $0 }).mapValues(\.count)
        guard counts.values.allSatisfy({ $0 <= fleet.slots }) else {
            throw Fault.Wrong(what: "workers of \(fleet.slots) slots hold more jobs: \(counts)")
        }
    }
}

extension Fleet {
    /// Bytes.
    func memoryOfRedis() async throws -> Int {
        let lines = try await ask(["INFO", "memory"]).string?.split(whereSeparator: \.isNewline) ?? []
        return lines.first { $0.hasPrefix("used_memory:") }.flatMap { Int($0.dropFirst("used_memory:".count)) } ?? 0
    }
}
