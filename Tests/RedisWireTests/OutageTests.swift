import Logging
import PrivateServers
import RedisWire
import TestServers
import Testing

/// Servers that are there and do not serve: replicas, loading, frozen, gone.
@Suite(.timeLimit(.minutes(1))) struct OutageTests {
    @Test func replicaIsLeftOnceHoweverManyCommandsItRefused() async throws {
        let server = try await TestRedis.own()
        let (redis, control) = (try connect(server), try connect(server))
        _ = try await redis.command(["SET", "k", "0"])
        _ = try await control.command(["REPLICAOF", "127.0.0.1", "1"])
        let replies = try await redis.pipeline(Array(repeating: ["INCR", "k"], count: 200))
        #expect(replies.allSatisfy { if case .error(let error) = $0 { error.code == "READONLY" } else { false } })
        _ = try await control.command(["REPLICAOF", "NO", "ONE"])
        #expect(try await redis.command(["INCR", "k"]) == .integer(1))
        #expect(redis.generation == 2)
    }

    @Test func scriptThatWritesLeavesAReplicaToo() async throws {
        let server = try await TestRedis.own()
        let (redis, control) = (try connect(server), try connect(server))
        let script = RedisScript(name: "count", source: Array("return redis.call('INCR', KEYS[1])".utf8))
        _ = try await redis.run(script, keys: ["n"], arguments: [])
        _ = try await control.command(["REPLICAOF", "127.0.0.1", "1"])
        let error = await #expect(throws: RedisError.self) { try await redis.run(script, keys: ["n"], arguments: []) }
        #expect(error?.description.contains("READONLY") == true)
        _ = try await control.command(["REPLICAOF", "NO", "ONE"])
        #expect(try await redis.run(script, keys: ["n"], arguments: []) == .integer(2))
        #expect(redis.generation == 2)
    }

    @Test func cutOffReplicaIsLeft() async throws {
        let server = try await TestRedis.own()
        let (redis, control) = (try connect(server), try connect(server))
        _ = try await redis.command(["SET", "k", "v"])
        _ = try await control.command(["CONFIG", "SET", "replica-serve-stale-data", "no"])
        _ = try await control.command(["REPLICAOF", "127.0.0.1", "1"])
        let error = await #expect(throws: RedisError.self) { try await redis.command(["GET", "k"]) }
        guard case .server(let reply) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reply.code == "MASTERDOWN" && reply.reaction == .reconnect)
        _ = try await control.command(["REPLICAOF", "NO", "ONE"])
        #expect(try await redis.command(["GET", "k"]).string == "v")
        #expect(redis.generation == 2)
    }

    @Test func commandOnARetiredSocketStillTimesOut() async throws {
        let server = try await TestRedis.own()
        let control = try connect(server)
        let redis = try connect(server, options: RedisOptions(commandTimeout: .milliseconds(500)))
        _ = try await redis.command(["SET", "k", "v"])
        _ = try await control.command(["REPLICAOF", "127.0.0.1", "1"])
        // The answer to the write retires the socket, while the read behind it blocks there for longer than the caller waits.
        await #expect(throws: RedisError.timedOut) {
            try await redis.pipeline([["INCR", "k"], ["XREAD", "BLOCK", "30000", "STREAMS", "s", "$"]])
        }
        #expect(try await redis.command(["GET", "k"]).string == "v")
    }

    @Test func loadingIsToldAndPasses() async throws {
        let server = try await TestRedis.own(persistent: true, arguments: ["--key-load-delay", "200", "--appendfsync", "always"])
        let redis = try connect(server)
        for _ in 0..<8 { _ = try await redis.pipeline(Array(repeating: ["INCR", "n"], count: 1000)) }
        server.kill()
        let restart = Task { try await server.restart() }
        var reaction: RedisReaction?
        try await eventually(within: .seconds(10)) {
            do throws(RedisError) { _ = try await redis.command(["GET", "n"]) } catch {
                guard case .server(let reply) = error else { throw error }
                #expect(reply.code == "LOADING")
                reaction = reply.reaction
            }
            return reaction != nil
        }
        #expect(reaction == .retrySameNode)
        try await restart.value
        #expect(try await redis.command(["GET", "n"]).integer == 8000)
    }

    @Test func outageIsLoggedOnceAndItsEndOnce() async throws {
        let server = try await TestRedis.own()
        let book = LogBook()
        let redis = try connect(
            server, options: RedisOptions(backoffBase: .milliseconds(1), backoffCap: .milliseconds(5)), logger: book.logger)
        _ = try await redis.command(["PING"])
        #expect(book.lines(from: .info).isEmpty)
        server.kill()
        // It dials while a command waits. One that was sent before the kill was noticed is lost with the socket, so another follows it.
        try await eventually {
            _ = try? await redis.command(["PING"], timeout: .milliseconds(50))
            return book.lines(from: .debug).filter { $0.contains("no connection to Redis") }.count > 5
        }
        try await server.restart()
        try await eventually { try await redis.command(["PING"]).string == "PONG" }
        let told = book.lines(from: .info)
        #expect(told == ["warning no connection to Redis; trying again until there is one", "info connected to Redis"])
    }
}
