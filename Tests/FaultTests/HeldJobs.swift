import JobModel
import RedisWire

/// Recorded jobs that workers hold in Redis at one moment, by stream and entry.
struct HeldJobs {
    private let entries: Set<String>
    var count: Int { entries.count }

    /// Jobs of nobody's load, four for each slot, in one request. They take longer than PostgreSQL takes to stop.
    static func queueMany(_ fleet: Fleet) async throws {
        let job: JSONValue = ["kind": "slow", "input": ["ms": 300, "steps": 1]]
        let jobs = JSONValue.array(Array(repeating: job, count: fleet.workers.count * fleet.slots * 4))
        try await Door(fleet.apis, book: Book()).insist("POST", "/jobs/batch", ["jobs": jobs])
    }

    /// Past all links.
    static func look(_ fleet: Fleet) async throws -> HeldJobs {
        var entries: Set<String> = []
        for stream in try await fleet.ask(["KEYS", "*_jobs*"]).array?.compactMap(\.string) ?? [] where !stream.hasPrefix("notes_jobs") {
            guard try await fleet.ask(["TYPE", .string(stream)]).string == "stream" else { continue }
            for entry in try await fleet.ask(["XPENDING", .string(stream), "workers", "-", "+", "1000"]).array ?? [] {
                if let id = entry.array?.first?.string { entries.insert("\(stream) \(id)") }
            }
        }
        return HeldJobs(entries: entries)
    }

    /// Without PostgreSQL no recorded job can end, and none may be claimed by a worker that waits: it holds what it held, within its slots.
    func compare(with later: HeldJobs, in fleet: Fleet) throws {
        guard count > 0 else { throw Fault.HitNothing(what: "no worker held a job") }
        let lost = entries.subtracting(later.entries)
        guard lost.isEmpty else { throw Fault.Wrong(what: "workers gave away \(lost.count) of \(count) jobs: \(lost.sorted().prefix(3))") }
        guard later.count <= fleet.workers.count * fleet.slots else {
            throw Fault.Wrong(what: "\(fleet.workers.count) workers of \(fleet.slots) slots hold \(later.count) jobs")
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
