/// The private Redis and PostgreSQL of `dev`. One that ends unasked is started again.
import Logging
import PrivateServers
import RedisWire
import Synchronization

final class DevServers: Sendable {
    private let home: DevHome
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var redis: PrivateRedis?
        var postgres: PrivatePostgres?
        var watchers: [Task<Void, Never>] = []
    }

    static let database = "tidewheel"

    init(home: DevHome, logger: Logger) {
        self.home = home
        self.logger = logger
    }

    /// Nil where the settings name a server.
    var redisURL: String? { state.withLock { $0.redis?.url } }
    var databaseURL: String? { state.withLock { $0.postgres?.url(of: Self.database) } }

    func start(redis: Bool, postgres: Bool) async throws {
        if redis { try await startRedis() }
        if postgres { try await startPostgres() }
    }

    func stop() async {
        let (redis, postgres, watchers) = state.withLock { ($0.redis, $0.postgres, $0.watchers) }
        for watcher in watchers {
            watcher.cancel()
            await watcher.value
        }
        await redis?.stop()
        await postgres?.stop()
    }

    private func startRedis() async throws {
        let server = try await PrivateRedis.start(in: home.path + "/redis", persistent: true)
        state.withLock { $0.redis = server }
        try await rewriteLog(server)
        watch("Redis", { await server.exit() }) { [self] in
            try await server.restart()
            try await rewriteLog(server)
        }
    }

    private func startPostgres() async throws {
        let server = try await PrivatePostgres.start(in: home.path + "/postgres", durable: true)
        state.withLock { $0.postgres = server }
        try await server.createDatabase(Self.database)
        watch("PostgreSQL", { await server.exit() }) { try await server.restart() }
    }

    /// A log that was torn by a crash may show the second half of a script after the next start; a rewritten one cannot.
    private func rewriteLog(_ server: PrivateRedis) async throws {
        let connection = RedisConnection(try RedisAddress(url: server.url), logger: logger)
        _ = try? await connection.command(["BGREWRITEAOF"])
        await connection.close()
    }

    private func watch(
        _ name: String, _ exit: @escaping @Sendable () async -> ChildExit?, _ restart: @escaping @Sendable () async throws -> Void
    ) {
        let task = Task { [logger] in
            while let end = await exit(), !Task.isCancelled {
                logger.error("\(name) \(end); it is started again")
                do {
                    try await restart()
                } catch {
                    logger.error("\(name) cannot be started", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: .seconds(2))
                }
            }
        }
        state.withLock { $0.watchers.append(task) }
    }
}
