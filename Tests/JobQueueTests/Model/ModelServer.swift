import JobQueue
import Logging
import PrivateServers
import RedisWire
import TestServers

/// A redis-server of the model check's own, and the way to it through which scripts are torn.
struct ModelServer {
    let server: PrivateRedis
    let queue: JobQueue
    let redis: RedisConnection
    let tearing: TornScripts
    let waiter: WorkWaiter

    static func start() async throws -> ModelServer {
        let server = try await TestRedis.own()
        let proxy = try await TCPProxy(socketPath: server.socketPath)
        let logger = Logger(label: "model") { _ in SwiftLogNoOpLogHandler() }
        let queue = JobQueue(try RedisAddress(url: "redis://127.0.0.1:\(proxy.port)"), logger: logger)
        return ModelServer(
            server: server, queue: queue, redis: RedisConnection(try RedisAddress(url: server.url), logger: logger),
            tearing: TornScripts(proxy), waiter: queue.waiter())
    }

    func stop() async {
        await waiter.close()
        await queue.close()
        await redis.close()
        await server.stop()
    }

    /// Runs a sequence on an empty Redis, then lets everything come to its end. Nil: every promise held.
    func failure(of operations: [ModelOperation]) async throws -> ModelFailure? {
        _ = try await redis.command(["FLUSHALL"])
        tearing.disarm()
        tearing.forgetCuts()
        let world = ModelWorld(self)
        for (index, operation) in operations.enumerated() {
            do {
                try await world.apply(operation)
                try await world.check()
            } catch { return ModelFailure(operations: Array(operations.prefix(index + 1)), what: "\(error)", isAtTheEnd: false) }
        }
        do {
            try await world.drain()
            return nil
        } catch { return ModelFailure(operations: operations, what: "\(error)", isAtTheEnd: true) }
    }

    /// A shorter sequence that fails too: first without whole chunks, then without single operations, until none can be spared.
    func shrunk(_ failure: ModelFailure, tries: Int = 600) async throws -> ModelFailure {
        var best = failure
        var left = tries
        var size = max(1, best.operations.count / 2)
        while left > 0 {
            var start = 0
            var hasShrunk = false
            while start < best.operations.count, left > 0 {
                var fewer = best.operations
                fewer.removeSubrange(start..<min(start + size, fewer.count))
                left -= 1
                if let smaller = try await self.failure(of: fewer) {
                    best = smaller
                    hasShrunk = true
                } else {
                    start += size
                }
            }
            if size == 1 && !hasShrunk { break }
            size = max(1, size / 2)
        }
        return best
    }
}

struct ModelFailure: CustomStringConvertible {
    let operations: [ModelOperation]
    let what: String
    let isAtTheEnd: Bool

    var description: String {
        let lines = operations.enumerated().map { "  \($0.offset + 1). \($0.element)" }
        return (lines + [(isAtTheEnd ? "  and after everything came to its end: " : "  then: ") + what]).joined(separator: "\n")
    }
}
