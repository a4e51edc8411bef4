import JobDesk
import JobLedger
import JobModel
import JobQueue
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import TestServers
import Testing

@testable import tidewheel

/// What the doctor sees of jobs and workers, on real servers; `Tests/Interop/test_cli.py` has the rest.
@Suite(.timeLimit(.minutes(1))) struct DoctorTests {
    private struct Ward {
        let desk: JobDesk
        let redis: RedisConnection
        let pool: PostgresPool
        let kind: JobKind

        init() async throws {
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let address = try RedisAddress(url: try await TestRedis.shared().url)
            let kind = JobKind(name: "task", summary: "s", queue: "ingest", input: InputShape([]))
            pool = PostgresPool(PostgresOptions(url: try await TestPostgres.freshDatabase()), logger: logger)
            _ = try await JobLedger.migrate(pool, logger: logger)
            let queue = JobQueue(address, prefix: TestRedis.uniquePrefix(), logger: logger)
            desk = JobDesk(queue: queue, ledger: JobLedger(pool, logger: logger), catalogue: JobCatalogue([kind]), logger: logger)
            redis = RedisConnection(address, logger: logger)
            self.kind = kind
        }

        func findings() async -> [String: Finding] {
            let all = await JobChecks(redis: redis, queue: desk.queue, ledger: desk.ledger, queues: [kind.queue]).run()
            return Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        }

        func register(_ name: String) async throws {
            let card = WorkerCard(name: name, host: "test", processID: 1, version: "1", queues: [kind.queue], slots: 2)
            _ = try await desk.queue.beat(card, running: 0)
        }

        func makeGroups() async throws {
            for stream in desk.queue.keys.streams([kind.queue]) {
                _ = try await redis.command(["XGROUP", "CREATE", .string(stream), "workers", "0", "MKSTREAM"])
            }
        }

        func end() async {
            await redis.close()
            await desk.queue.close()
            await pool.close()
        }
    }

    @Test func anEmptyInstallationHasNoWorkerAndNoGroups() async throws {
        let ward = try await Ward()
        let found = await ward.findings()
        #expect(found["workers"]?.level == .fail && found["workers"]?.mend.contains("tidewheel worker") == true)
        #expect(found["streams"]?.level == .warn)
        #expect(found["orphans"]?.level == .ok && found["live jobs"]?.level == .ok)
        await ward.end()
    }

    @Test func aWorkerThatLeadsIsWell() async throws {
        let ward = try await Ward()
        try await ward.register("w1")
        try await ward.makeGroups()
        _ = try await ward.desk.ledger.takeLeadership(as: "w1", from: ward.desk.ledger.leaderSeat())
        let found = await ward.findings()
        for (name, finding) in found { #expect(finding.level == .ok, "\(name): \(finding.detail)") }
        await ward.end()
    }

    @Test func aLeaderThatIsGoneIsTold() async throws {
        let ward = try await Ward()
        try await ward.register("w1")
        _ = try await ward.desk.ledger.takeLeadership(as: "gone", from: ward.desk.ledger.leaderSeat())
        #expect(await ward.findings()["leader"]?.detail == "gone leads and is not alive")
        await ward.end()
    }

    @Test func jobsThatNobodyHoldsAreFound() async throws {
        let ward = try await Ward()
        try await ward.register("w1")
        try await ward.makeGroups()
        let (held, lost) = (try await submit(ward), try await submit(ward))
        let stream = RedisArgument.string(ward.desk.queue.keys.stream("ingest", .medium))
        _ = try await ward.redis.command(["XREADGROUP", "GROUP", "workers", "gone", "COUNT", 1, "STREAMS", stream, ">"])
        let hash = RedisArgument.string(ward.desk.queue.keys.job(lost))
        let place = try await ward.redis.command(["HGET", hash, "entry"]).string
        let (_, entry) = try #require(place.flatMap(Keys.entry))
        _ = try await ward.redis.command(["XDEL", stream, .string(entry)])
        // Just now it might have been on its way.
        #expect(await ward.findings()["live jobs"]?.level == .ok)
        _ = try await ward.redis.command(["HSET", hash, "updated_at", .integer(Timestamp.now.milliseconds - 60_000)])
        let found = await ward.findings()
        #expect(found["orphans"]?.detail == "1 jobs are held by 1 workers that are gone")
        #expect(found["live jobs"]?.detail == "0 run without a worker, 1 wait on no stream, 0 have no record, such as \(lost)")
        let other = RedisArgument.string(ward.desk.queue.keys.job(held))
        _ = try await ward.redis.command([
            "HSET", other, "status", "processing", "lease", "gone:1", "worker", "gone", "updated_at",
            .integer(Timestamp.now.milliseconds - 60_000),
        ])
        #expect(await ward.findings()["live jobs"]?.detail.hasPrefix("1 run without a worker") == true)
        await ward.end()
    }

    /// Its lease is what holds the job, and its queue is known to PostgreSQL alone.
    @Test func aJobOfAnHTTPWorkerIsInGoodHands() async throws {
        let ward = try await Ward()
        try await ward.register("w1")
        try await ward.makeGroups()
        let kind = try KindRegistration.read(["kind": "tide", "summary": "computes tides", "queue": "tides"]).get()
        try await ward.desk.register([kind])
        #expect(await ward.findings()["workers"]?.detail.hasPrefix("nobody takes from tides") == true)
        let id = try await ward.desk.submit(JobRequest(kind: "tide", input: [:])).job.id
        #expect(await ward.findings()["streams"]?.level == .warn)
        let queue = ward.desk.queue
        let card = WorkerCard(name: "http-1", host: "h", processID: 0, version: "", queues: ["tides"], slots: 1, http: "pump")
        try await queue.noteHTTPWorker("pump", host: "h", queues: ["tides"], slots: 1)
        try await queue.openLease(card)
        let claimed = try await queue.claim(for: "http-1", from: queue.keys.streams(["tides"]), count: 1)
        guard case .claimed(let claims) = claimed, let claim = claims.claims.first else { return #expect(Bool(false), "nothing claimed") }
        #expect(try await queue.beginLease(claim) == .going)
        let hash = RedisArgument.string(queue.keys.job(id))
        _ = try await ward.redis.command(["HSET", hash, "updated_at", .integer(Timestamp.now.milliseconds - 60_000)])
        let found = await ward.findings()
        for name in ["workers", "orphans", "live jobs"] { #expect(found[name]?.level == .ok, "\(found[name]?.detail ?? "")") }
        // A lease that is gone leaves its entry to be found, in a queue of others too.
        _ = try await ward.redis.command(["DEL", .string(queue.keys.worker("http-1"))])
        #expect(await ward.findings()["orphans"]?.detail == "1 jobs are held by 1 workers that are gone")
        await ward.end()
    }

    @Test func anotherRedisIsNoticed() async throws {
        let ward = try await Ward()
        _ = try await ward.desk.queue.generation()
        try await ward.desk.ledger.setGeneration("another")
        #expect(await ward.findings()["generation"]?.level == .warn)
        await ward.end()
    }

    private func submit(_ ward: Ward) async throws -> JobID {
        try await ward.desk.submit(JobRequest(kind: "task", input: [:])).job.id
    }
}
