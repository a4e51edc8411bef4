import FoundationEssentials
import Glibc
import JobModel
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import TestServers

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A whole installation to break: an own Redis with an append-only file, an own PostgreSQL, APIs and workers as processes.
/// `redis` and `database` go past the members' links: they see what is really there.
final class Fleet: Sendable {
    let redisServer: PrivateRedis
    let postgresServer: PrivatePostgres
    let redis: RedisConnection
    let database: PostgresPool
    let apis: [Member]
    let workers: [Member]
    let lease: Duration
    let slots: Int
    let log = MemberLog()
    private let effectsPath: String

    /// `more` goes into the environment of every process.
    static func start(
        apis: Int, workers: Int, slots: Int = 4, lease: Duration, more: [String: String] = [:]
    ) async throws -> Fleet {
        let fleet = try await Fleet(apis: apis, workers: workers, slots: slots, lease: lease, more: more)
        for member in fleet.apis + fleet.workers { try await member.start() }
        try await Limits.set(by: Door(fleet.apis, book: Book()))
        return fleet
    }

    private init(
        apis apiCount: Int, workers workerCount: Int, slots: Int, lease: Duration, more: [String: String]
    ) async throws {
        // Every write is in the file before its reply, so that a kill loses nothing: `everysec` holds writes back behind a slow fsync.
        let redisServer = try await TestRedis.own(persistent: true, arguments: ["--enable-debug-command", "yes", "--appendfsync", "no"])
        let postgresServer = try await TestPostgres.own()
        try await postgresServer.createDatabase("tidewheel")
        let effects = try TemporaryDirectory.make() + "/effects"
        let url = postgresServer.url(of: "tidewheel")
        let program = try Self.program()
        let environment = [
            "PATH": "/usr/bin:/bin", "FAULT_EFFECTS": effects, "TIDEWHEEL_SLOTS": "\(slots)",
            "FAULT_LEASE_MS": "\(Int(lease / .milliseconds(1)))",
            "DATABASE_URL": url, "REDIS_URL": redisServer.url, "FAULT_LOG_LEVEL": Trial.logLevel ?? "warning",
        ].merging(more) { $1 }
        try await Self.migrate(program, environment, log)
        let log = log
        func members(_ role: Member.Role, _ count: Int) async throws -> [Member] {
            var members: [Member] = []
            for _ in 0..<count {
                try await members.append(
                    Member(role, program: program, redis: redisServer, postgres: postgresServer, environment: environment, log: log))
            }
            return members
        }
        apis = try await members(.api, apiCount)
        workers = try await members(.worker, workerCount)
        redis = RedisConnection(try RedisAddress(url: redisServer.url), logger: quiet)
        database = PostgresPool(PostgresOptions(url: url, poolSize: 2), logger: quiet)
        try await database.script("CREATE TABLE orders (key text PRIMARY KEY, job uuid NOT NULL)")
        self.redisServer = redisServer
        self.postgresServer = postgresServer
        self.lease = lease
        self.slots = slots
        effectsPath = effects
    }

    var effects: [Effect] { Effect.read(effectsPath) }

    /// Ends everything; what is still alive afterwards of the workers' own children is returned and killed.
    func close() async -> [Int32] {
        for member in apis { await member.close() }
        for member in workers { await member.close() }
        try? await eventually(within: .seconds(10)) { family().isEmpty }
        let orphans = family()
        for process in orphans {
            log.append("outlived: \(process) \(commandLine(of: process))")
            kill(process, SIGKILL)
        }
        await redis.close()
        await database.close()
        await redisServer.stop()
        await postgresServer.stop()
        return orphans
    }

    /// SIGKILL to every worker and every process that one has started for suspects; supervisors start the workers again.
    func killWorkers() {
        // At once; looking for the others takes longer than some jobs.
        for worker in workers { if let process = worker.processID { kill(process, SIGKILL) } }
        for process in family() where isForSuspects(process) { kill(process, SIGKILL) }
    }

    /// Returns when no process for suspects is left: one that is told to leave while the links of its worker go with it takes long.
    func waitForSuspectsToLeave() async throws {
        try await eventually(within: .seconds(60)) { !family().contains(where: isForSuspects) }
    }

    private func isForSuspects(_ process: Int32) -> Bool { commandLine(of: process).contains("--suspects") }

    private func commandLine(of process: Int32) -> String {
        let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline")
        return bytes.map { String(decoding: $0.prefix(200), as: UTF8.self).replacing("\0", with: " ") } ?? ""
    }

    /// Processes of this fleet: their environment names its file of effects.
    private func family() -> [Int32] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap { Int32($0) }.filter { number in
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(number)/environ") else { return false }
            return String(decoding: bytes, as: UTF8.self).contains("FAULT_EFFECTS=\(effectsPath)\0")
        }
    }

    private static func migrate(_ program: String, _ environment: [String: String], _ log: MemberLog) async throws {
        var order = ChildOrder(program, ["migrate"])
        order.environment = environment
        let child = try ChildProcess(order, onLine: { log.append("migrate: \($0)") })
        guard await child.exit() == .exited(0) else { throw Member.NeverStarted(lines: log.last(20)) }
    }

    /// Built together with these tests, beside them.
    private static func program() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        guard let bundle = (CommandLine.arguments + [own]).first(where: { $0.contains(".xctest") }) else { throw NoBundle() }
        let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).prefix { !$0.hasSuffix(".xctest") }
        return directory.joined(separator: "/") + "/FaultWorker"
    }

    private struct NoBundle: Error {}
}
