import PrivateServers
import RedisWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectionTests {
    @Test func repliesComeAsValues() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        #expect(try await redis.command(["PING"]) == .status("PONG"))
        #expect(try await redis.command(["SET", "a", .bytes([0, 13, 10, 255])]) == .status("OK"))
        #expect(try await redis.command(["GET", "a"]).bytes == [0, 13, 10, 255])
        #expect(try await redis.command(["GET", "nothing"]).isNull)
        #expect(try await redis.command(["INCRBY", "n", -7]) == .integer(-7))
        _ = try await redis.command(["HSET", "h", "x", "1", "y", "zwei"])
        #expect(try await redis.command(["HGETALL", "h"]).fields == ["x": "1", "y": "zwei"])
        await redis.close()
        await #expect(throws: RedisError.closed) { try await redis.command(["PING"]) }
    }

    @Test func pipelineKeepsErrorsInPlace() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        let replies = try await redis.pipeline([["SET", "a", "1"], ["LPUSH", "a", "x"], ["GET", "a"]])
        #expect(replies.count == 3)
        #expect(replies[2].string == "1")
        guard case .error(let error) = replies[1] else { return #expect(Bool(false), "no error reply") }
        #expect(error.code == "WRONGTYPE" && error.reaction == .bug)
    }

    @Test func databaseOfTheAddressIsSelected() async throws {
        let server = try await TestRedis.own()
        _ = try await connect(server, "?db=3").command(["SET", "k", "three"])
        #expect(try await connect(server).command(["GET", "k"]).isNull)
        #expect(try await connect(server, "?db=3").command(["GET", "k"]).string == "three")
    }

    @Test func scriptIsSentAgainAfterFlush() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        let script = RedisScript(name: "echo", source: Array("return {KEYS[1], ARGV[1]}".utf8))
        for _ in 0..<2 {
            #expect(try await redis.run(script, keys: ["k"], arguments: ["v"]).array == [.bulk([107]), .bulk([118])])
            #expect(try await redis.command(["SCRIPT", "EXISTS", .string(script.sha)]).array == [.integer(1)])
            _ = try await redis.command(["SCRIPT", "FLUSH"])
        }
    }

    @Test func wrongPasswordIsSaidAtOnce() async throws {
        let server = try await TestRedis.own(arguments: ["--requirepass", "right"])
        let redis = RedisConnection(try server.address(as: ":wrong"), logger: quiet)
        do {
            _ = try await redis.command(["PING"])
            Issue.record("a wrong password was accepted")
        } catch .server(let error) {
            #expect(error.code == "WRONGPASS" && error.reaction == .stop)
        }
        let right = RedisConnection(try server.address(as: ":right"), logger: quiet)
        #expect(try await right.command(["PING"]).string == "PONG")
    }

    @Test func noServerIsUnavailable() async throws {
        let address = try RedisAddress(url: "redis://127.0.0.1:1")
        let redis = RedisConnection(address, options: RedisOptions(commandTimeout: .milliseconds(200)), logger: quiet)
        do {
            _ = try await redis.command(["PING"])
            Issue.record("answered by nobody")
        } catch {
            #expect(error.neverSent)
        }
    }

    @Test func timeoutClosesTheSocketAndShiftsNothing() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        let first = try await redis.clientID()
        await #expect(throws: RedisError.timedOut) { try await redis.command(["BLPOP", "empty", "5"], timeout: .milliseconds(100)) }
        #expect(try await redis.command(["ECHO", "mine"]).string == "mine")
        #expect(try await redis.clientID() != first)
    }

    @Test func cancelledCommandsNeitherHangNorShift() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        let wrong = await withTaskGroup(of: Int.self) { group in
            for number in 0..<2000 {
                group.addTask {
                    let task = Task { try await redis.command(["ECHO", .integer(Int64(number))]) }
                    if number.isMultiple(of: 3) { task.cancel() }
                    switch await task.result {
                    case .success(let reply): return reply.string == "\(number)" ? 0 : 1
                    case .failure(let error): return error as? RedisError == .cancelled && number.isMultiple(of: 3) ? 0 : 1
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
        #expect(redis.generation == 1)
    }

    @Test func blockedReadEndsByUnblock() async throws {
        let server = try await TestRedis.own()
        let (reader, control) = (try connect(server), try connect(server))
        _ = try await reader.command(["XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"])
        let id = try await reader.clientID()
        async let reply = reader.command(["XREADGROUP", "GROUP", "g", "c", "BLOCK", "20000", "STREAMS", "s", ">"], timeout: .seconds(30))
        try await eventually { try await control.command(["CLIENT", "UNBLOCK", .integer(id)]) == .integer(1) }
        #expect(try await reply.isNull)
    }

    @Test func commandsSucceedAfterAKillUnderLoad() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        _ = try await redis.command(["PING"])
        let load = (0..<32).map { _ in
            Task {
                while !Task.isCancelled { _ = try? await redis.command(["INCR", "n"]) }
            }
        }
        try await eventually { try await (redis.command(["GET", "n"]).integer ?? 0) > 1000 }
        server.kill()
        try await server.restart()
        try await eventually { (try? await redis.command(["PING"])) != nil }
        #expect(redis.generation >= 2)
        for task in load { task.cancel() }
    }

    @Test func killedClientComesBack() async throws {
        let server = try await TestRedis.own()
        let (redis, control) = (try connect(server), try connect(server))
        let id = try await redis.clientID()
        _ = try await control.command(["CLIENT", "KILL", "ID", .integer(id)])
        try await eventually { (try? await redis.command(["PING"])) != nil && redis.generation == 2 }
    }

    @Test func oversizedReplyIsRefused() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server, options: RedisOptions(maxReplyBytes: 100_000))
        _ = try await redis.command(["SETRANGE", "big", "200000", "x"])
        await #expect(throws: RedisError.protocolViolation("a reply is larger than 100000 bytes")) {
            try await redis.command(["GET", "big"])
        }
        #expect(try await redis.command(["STRLEN", "big"]) == .integer(200_001))
    }
}
