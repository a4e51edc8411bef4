import JobModel
import JobQueue
import Logging
import PrivateServers
import RedisWire
import TestServers
import Testing

/// A Redis of its own at its memory limit: intake is refused, what runs is finished and its result kept.
@Suite(.timeLimit(.minutes(1))) struct MemoryLimitTests {
    @Test func intakeIsRefusedAndRunningJobsFinish() async throws {
        let server = try await TestRedis.own()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let address = try RedisAddress(url: server.url)
        let queue = JobQueue(address, logger: logger)
        let redis = RedisConnection(address, logger: logger)
        let job = Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: [:])
        _ = try await queue.enqueue(job)
        let card = WorkerCard(name: "w1", host: "h", processID: 1, version: "1", queues: ["ingest"], slots: 1)
        _ = try await queue.beat(card, running: 0)
        _ = try await redis.command(["CONFIG", "SET", "maxmemory", "1"])

        let refused = await #expect(throws: RedisError.self) {
            _ = try await queue.enqueue(Job(id: JobID(), kind: "web_crawl", queue: "ingest", input: [:]))
        }
        guard case .server(let reply) = refused else {
            Issue.record("not the server's refusal")
            return
        }
        #expect(reply.code == "OOM")
        #expect(try await queue.beat(card, running: 0) == .beating)
        guard case .claimed(let claimed) = try await queue.claim(for: "w1", from: queue.keys.streams(["ingest"]), count: 1) else {
            Issue.record("no claim")
            return
        }
        let claim = try #require(claimed.claims.first)
        #expect(try await queue.report(JobEvent(.log), progress: nil, of: claim) == .told)
        #expect(try await queue.settle(claim, as: .completed(["kept": true])) == .settled)
        #expect(try await queue.job(job.id)?.result == ["kept": true])
        await server.stop()
    }
}
