import JobModel
import PrivateServers
import Synchronization
import TestServers

/// One API or worker process, with links of its own to Redis and PostgreSQL, to kill, freeze, and cut off.
final class Member: Sendable {
    enum Role: String, Sendable { case api, worker }

    let role: Role
    let redisLink: TCPProxy
    let postgresLink: TCPProxy
    private let program: String
    private let environment: [String: String]
    private let log: MemberLog
    private let state = Mutex<(child: ChildProcess?, port: Int?, isWanted: Bool)>((nil, nil, false))

    init(_ role: Role, program: String, redis: PrivateRedis, postgres: PrivatePostgres, environment: [String: String], log: MemberLog)
        async throws
    {
        self.role = role
        self.program = program
        self.log = log
        redisLink = try await TCPProxy(socketPath: redis.socketPath)
        postgresLink = try await TCPProxy(socketPath: postgres.socketDirectory + "/.s.PGSQL.5432")
        self.environment = environment.merging([
            "REDIS_URL": "redis://127.0.0.1:\(redisLink.port)",
            "DATABASE_URL":
                "postgresql://\(PrivatePostgres.role)@127.0.0.1:\(postgresLink.port)/tidewheel?sslmode=disable&gssencmode=disable",
        ]) { $1 }
    }

    /// The process' number while it runs.
    var processID: Int32? { state.withLock { $0.child.flatMap { $0.exitIfEnded == nil ? $0.processID : nil } } }

    /// Where the API listens while it runs.
    var address: String? { state.withLock { state in state.port.map { "http://127.0.0.1:\($0)" } } }

    /// An API listens when this returns; a worker comes up by itself.
    func start() async throws {
        var order = ChildOrder(program, [role.rawValue])
        order.environment = environment
        let (ports, port) = AsyncStream<Int>.makeStream()
        let child = try ChildProcess(
            order,
            onLine: { [log, role] line in
                if line.hasPrefix("listens on "), let number = line.split(separator: " ").last.flatMap({ Int($0) }) { port.yield(number) }
                log.append("\(role.rawValue): \(line)")
            }, onEnd: { port.finish() })
        state.withLock { state in
            state.child = child
            state.isWanted = true
        }
        Task { await startAgain(after: child) }
        guard role == .api else { return }
        for await number in ports {
            state.withLock { $0.port = number }
            return
        }
        throw NeverStarted(lines: log.last(20))
    }

    /// As a supervisor would: a process that ended by itself is started again.
    private func startAgain(after child: ChildProcess) async {
        _ = await child.exit()
        if state.withLock({ $0.isWanted && $0.child === child }) { try? await start() }
    }

    struct NeverStarted: Error { let lines: [String] }

    /// SIGKILL; returns when the process has ended.
    func kill() async {
        let child = take()
        child?.kill()
        _ = await child?.exit()
    }

    /// What has not left for so long is killed.
    static let patience = Duration.seconds(20)

    /// SIGTERM, as a deployment would.
    @discardableResult
    func leave() async -> ChildExit? { await take()?.stop(grace: Member.patience) }

    func freeze() { state.withLock { $0.child }?.freeze() }
    func thaw() { state.withLock { $0.child }?.thaw() }

    func close() async {
        await kill()
        await redisLink.stop()
        await postgresLink.stop()
    }

    private func take() -> ChildProcess? {
        state.withLock { state in
            state.port = nil
            state.isWanted = false
            return state.child
        }
    }
}

/// What the processes said, for whoever has to understand a failure. The last lines only.
final class MemberLog: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) {
        if Trial.logLevel != nil { print(line) }
        lines.withLock { lines in
            lines.append(line)
            if lines.count > 2000 { lines.removeFirst(1000) }
        }
    }

    func last(_ count: Int) -> [String] { lines.withLock { Array($0.suffix(count)) } }
}
