import JobModel
import JobQueue
import Logging
import PrivateServers
import RedisWire
import TestServers

/// A queue with keys of its own on the suite's real Redis, and a worker that beats by hand.
struct QueueFixture {
    let queue: JobQueue
    let redis: RedisConnection
    var streams: [String] { queue.keys.streams(["ingest"], StreamLevel.allCases) }

    /// On the suite's server, or on one of the test's own.
    init(retentionMilliseconds: Int64 = 60_000, on server: PrivateRedis? = nil) async throws {
        let shared = try await TestRedis.shared()
        let address = try RedisAddress(url: (server ?? shared).url)
        let prefix = "t\(Digest.hexadecimal(Digest.randomBytes(6))):"
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        queue = JobQueue(address, prefix: prefix, retentionMilliseconds: retentionMilliseconds, logger: logger)
        redis = RedisConnection(address, logger: logger)
    }

    func card(_ name: String, isForSuspects: Bool = false) -> WorkerCard {
        WorkerCard(name: name, host: "h", processID: 1, version: "1", queues: ["ingest"], slots: 1, isForSuspects: isForSuspects)
    }

    func job(priority: JobPriority = .medium, scheduledAt: Timestamp? = nil) -> Job {
        var job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", priority: priority, input: ["url": "http://h/"], metadata: ["a": 1])
        job.scheduledAt = scheduledAt
        return job
    }

    @discardableResult
    func enqueued(_ priority: JobPriority = .medium) async throws -> Job {
        let job = job(priority: priority)
        _ = try await queue.enqueue(job)
        return job
    }

    /// Registers the worker and claims; fails unless it got exactly one job.
    func claimed(by worker: String = "w1", from level: [StreamLevel] = StreamLevel.ordinary, isForSuspects: Bool = false) async throws
        -> Claim
    {
        _ = try await queue.beat(card(worker, isForSuspects: isForSuspects), running: 0)
        let claims = try await claims(by: worker, from: level)
        guard claims.count == 1 else { throw Unexpected(what: "\(claims.count) claims") }
        return claims[0]
    }

    func claims(by worker: String, from level: [StreamLevel] = StreamLevel.ordinary, count: Int = 1) async throws -> [Claim] {
        guard case .claimed(let claimed) = try await queue.claim(for: worker, from: queue.keys.streams(["ingest"], level), count: count)
        else {
            throw Unexpected(what: "no claim was answered")
        }
        return claimed.claims
    }

    func field(_ name: String, of id: JobID) async throws -> String? {
        try await redis.command(["HGET", .string(queue.keys.job(id)), .string(name)]).string
    }

    func length(_ level: StreamLevel) async throws -> Int64? {
        try await redis.command(["XLEN", .string(queue.keys.stream("ingest", level))]).integer
    }

    func pending(_ level: StreamLevel) async throws -> Int64? {
        try await redis.command(["XPENDING", .string(queue.keys.stream("ingest", level)), "workers"]).array?.first?.integer
    }
}

struct Unexpected: Error {
    let what: String
}
