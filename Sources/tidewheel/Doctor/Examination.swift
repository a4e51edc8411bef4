/// Runs the looks side by side, each part within a limit, and puts what they found in order. The stores are opened here and closed at the end.
import JobLedger
import JobModel
import JobQueue
import Logging
import PostgresWire
import RedisWire
import Synchronization

struct Examination: Sendable {
    let settings: Settings
    let flags: ClientFlags
    let limit: Duration
    let logger: Logger

    func findings() async throws -> [Finding] {
        let address = try RedisAddress(url: settings[Known.redisURL])
        let options = RedisOptions(connectTimeout: .seconds(2), commandTimeout: .seconds(2), clientName: "tidewheel-doctor")
        let redis = RedisConnection(address, options: options, logger: logger)
        let queue = JobQueue(address, prefix: settings[Known.keyPrefix], options: options, logger: logger)
        let pool = PostgresPool(Assembly.postgresOptions(settings, name: "tidewheel doctor", poolSize: 1), logger: logger)
        let ledger = JobLedger(pool, logger: logger)
        let queues = Array(Set(Assembly.kinds(settings).map(\.queue))).sorted()
        async let ofRedis = within("redis", "Redis at \(address)") {
            await RedisChecks(redis: redis, address: address, settings: settings).run()
        }
        async let ofJobs = within("jobs", "what Redis keeps of jobs") {
            await JobChecks(redis: redis, queue: queue, ledger: ledger, queues: queues).run()
        }
        async let ofPostgres = within("postgresql", "PostgreSQL at \(pool.options)") {
            await PostgresChecks(pool: pool, ledger: ledger).run()
        }
        async let ofServices = within("services", "model servers and the like") {
            await ServiceChecks(settings: settings, flags: flags, ledger: ledger).run()
        }
        let findings = await ofRedis + ofPostgres + ofJobs + ofServices
        await queue.close()
        await redis.close()
        await pool.close()
        return findings
    }

    /// A part that takes longer is a finding itself; what it had found by then is lost.
    private func within(_ name: String, _ what: String, _ look: @escaping @Sendable () async -> [Finding]) async -> [Finding] {
        await withTaskGroup(of: [Finding].self) { group in
            group.addTask { await look() }
            group.addTask { [limit] in
                try? await Task.sleep(for: limit)
                return [
                    .fail(
                        name, "\(what) took longer than \(limit.shown)",
                        "Is it overloaded, or the network cut? --within gives it more time.")
                ]
            }
            defer { group.cancelAll() }
            return await group.next() ?? []
        }
    }
}

extension Duration {
    var shown: String { "\(Double(components.seconds) + Double(components.attoseconds / 1_000_000_000_000_000) / 1000) s" }
}
