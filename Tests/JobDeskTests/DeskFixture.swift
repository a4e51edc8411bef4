import JobDesk
import JobLedger
import JobModel
import JobQueue
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import TestServers

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A desk on real servers: keys and database are this test's own.
struct DeskFixture {
    static let kinds = [
        JobKind(
            name: "web_crawl", summary: "s", queue: "ingest",
            input: InputShape([.init("url", .url, required: true, "u"), .init("max_pages", .integer(1...100), standard: 10, "n")])),
        JobKind(name: "note", summary: "s", queue: "ingest", input: InputShape([]), isRecorded: false),
    ]

    let desk: JobDesk
    let redis: RedisConnection
    let pool: PostgresPool
    var streams: [String] { desk.queue.keys.streams(["ingest"], StreamLevel.allCases) }

    init(redis server: PrivateRedis? = nil, postgres url: String? = nil) async throws {
        let shared = try await TestRedis.shared()
        let fresh = try await TestPostgres.freshDatabase()
        let address = try RedisAddress(url: (server ?? shared).url)
        pool = PostgresPool(PostgresOptions(url: url ?? fresh), logger: quiet)
        _ = try await JobLedger.migrate(pool, logger: quiet)
        let queue = JobQueue(address, prefix: "t\(Digest.hexadecimal(Digest.randomBytes(6))):", logger: quiet)
        desk = JobDesk(queue: queue, ledger: JobLedger(pool, logger: quiet), catalogue: JobCatalogue(DeskFixture.kinds), logger: quiet)
        redis = RedisConnection(address, logger: quiet)
    }

    func request(_ kind: String = "web_crawl", key: String? = nil, url: String = "http://h/") -> JobRequest {
        var request = JobRequest(kind: kind, input: kind == "note" ? [:] : ["url": .string(url)])
        request.idempotency = key.map { IdempotencyKey(scope: "POST /jobs", key: $0, fingerprint: Digest.sha256(url)) }
        return request
    }

    func beat(_ worker: String) async throws {
        let card = WorkerCard(name: worker, host: "h", processID: 1, version: "1", queues: ["ingest"], slots: 1)
        _ = try await desk.queue.beat(card, running: 0)
    }

    func claimed(by worker: String = "w1", _ levels: [StreamLevel] = StreamLevel.ordinary) async throws -> Claim? {
        try await beat(worker)
        guard
            case .claimed(let claimed) = try await desk.queue.claim(
                for: worker, from: desk.queue.keys.streams(["ingest"], levels), count: 1)
        else { return nil }
        for entry in claimed.foreign { try await desk.adopt(entry) }
        return claimed.claims.first
    }

    func markDead(_ worker: String) async throws -> Bool {
        guard let seen = try await desk.queue.observe(streams).first(where: { $0.worker == worker }) else { return false }
        return try await desk.queue.markDead(seen)
    }

    /// Redis loses everything that belongs to this test.
    func forgetRedis() async throws {
        let keys = try await redis.command(["KEYS", .string(desk.queue.keys.prefix + "*")]).array?.compactMap(\.string) ?? []
        if !keys.isEmpty { _ = try await redis.command(["DEL"] + keys.map { .string($0) }) }
    }
}
