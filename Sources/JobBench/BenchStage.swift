/// Where a bench plays: Redis and PostgreSQL, a desk to submit with, and the processes that are measured.
/// Its servers are its own unless addresses are given; then its keys have a prefix of their own and are removed at the end.
internal import JobDesk
internal import JobLedger
internal import JobModel
internal import JobQueue
package import Logging
internal import PostgresWire
package import PrivateServers
internal import RedisWire

/// How the roof starts the processes that are measured. The tally's path makes them know the kinds of the bench.
package struct BenchProcesses: Sendable {
    let worker: @Sendable (_ tally: String, _ slots: Int, _ environment: [String: String]) -> ChildOrder
    let api: @Sendable (_ tally: String, _ environment: [String: String]) -> ChildOrder

    package init(
        worker: @escaping @Sendable (_ tally: String, _ slots: Int, _ environment: [String: String]) -> ChildOrder,
        api: @escaping @Sendable (_ tally: String, _ environment: [String: String]) -> ChildOrder
    ) {
        self.worker = worker
        self.api = api
    }
}

package struct BenchStage: Sendable {
    let plan: BenchPlan
    let redisURL: String
    let databaseURL: String
    let address: RedisAddress
    let prefix: String
    let directory: String
    let processes: BenchProcesses
    let redis: RedisConnection
    let pool: PostgresPool
    let queue: JobQueue
    let desk: JobDesk
    /// The server is nobody else's: it may be emptied.
    let ownsRedis: Bool

    package init(
        _ plan: BenchPlan, redisURL: String, databaseURL: String, ownsRedis: Bool, directory: String, processes: BenchProcesses,
        logger: Logger
    ) throws {
        self.plan = plan
        self.redisURL = redisURL
        self.databaseURL = databaseURL
        self.ownsRedis = ownsRedis
        self.directory = directory
        self.processes = processes
        prefix = ownsRedis ? "" : "bench-\(Digest.hexadecimal(Digest.randomBytes(4))):"
        address = try RedisAddress(url: redisURL)
        redis = RedisConnection(address, logger: logger)
        pool = PostgresPool(PostgresOptions(url: databaseURL, applicationName: "tidewheel bench"), logger: logger)
        queue = JobQueue(address, prefix: prefix, logger: logger)
        desk = JobDesk(
            queue: queue, ledger: JobLedger(pool, logger: logger), catalogue: JobCatalogue([Noop.unrecorded, Noop.recorded]), logger: logger
        )
    }

    package func prepare(logger: Logger) async throws {
        _ = try await redis.command(["PING"])
        _ = try await JobLedger.migrate(pool, logger: logger)
    }

    /// Nothing of an earlier measurement is left.
    package func clear() async throws {
        if ownsRedis {
            _ = try await redis.command(["FLUSHALL"], timeout: .seconds(120))
        } else {
            try await removeKeys()
        }
        _ = try await pool.execute("DELETE FROM jobs WHERE kind IN ('noop', 'noop_recorded')")
    }

    package func close() async {
        await queue.close()
        await redis.close()
        await pool.close()
    }

    private func removeKeys() async throws {
        var cursor = "0"
        repeat {
            let reply = try await redis.command(["SCAN", .string(cursor), "MATCH", .string(prefix + "*"), "COUNT", "1000"]).array ?? []
            let found = reply.last?.array?.compactMap(\.string) ?? []
            if !found.isEmpty { _ = try await redis.command(["UNLINK"] + found.map { .string($0) }) }
            cursor = reply.first?.string ?? "0"
        } while cursor != "0"
    }
}

// What Redis says of itself and of the queue.
extension BenchStage {
    /// Seconds of CPU that redis-server has used: its own getrusage.
    func redisCPU() async throws -> Double {
        let text = try await redis.command(["INFO", "cpu"]).string ?? ""
        return BenchStage.number("used_cpu_sys", in: text) + BenchStage.number("used_cpu_user", in: text)
    }

    func redisMemory() async throws -> Double {
        BenchStage.number("used_memory", in: try await redis.command(["INFO", "memory"]).string ?? "")
    }

    private static func number(_ name: String, in text: String) -> Double {
        text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
    }

    func completed() async throws -> Int {
        let reply = try await redis.command(["HGET", .string(queue.keys.stats(Noop.queue)), "completed"])
        return Int(reply.integer ?? 0)
    }

    private var streams: [String] { queue.keys.streams([Noop.queue], StreamLevel.allCases) }

    /// What is left once everything should have ended. `firstJobs` of the tally are the ones that were submitted.
    func verdict(_ tally: Tally, jobs: Int, recorded: Bool = false) async throws -> Verdict {
        var (left, pending) = (0, 0)
        for stream in streams {
            left += Int(try await redis.command(["XLEN", .string(stream)]).integer ?? 0)
            // A stream that never was has no group.
            let summary = try? await redis.command(["XPENDING", .string(stream), "workers"])
            pending += Int(summary?.array?.first?.integer ?? 0)
        }
        let live = Int(try await redis.command(["ZCARD", .string(queue.keys.active)]).integer ?? 0)
        let rows = recorded ? try await completedRows() : nil
        return Verdict(
            Evidence(
                runs: (0..<jobs).map(tally.runs), completed: try await completed(), entriesLeft: left, pending: pending, live: live,
                rows: rows))
    }

    private func completedRows() async throws -> Int {
        let rows = try await pool.query(
            "SELECT count(*) AS rows FROM jobs WHERE kind = 'noop_recorded' AND status = 'completed' AND attempt = 1 AND worker <> 'floor'")
        return Int(try rows.first?.int("rows") ?? 0)
    }
}
