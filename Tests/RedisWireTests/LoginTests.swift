import PrivateServers
import RedisWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct LoginTests {
    @Test func userAndPasswordLogIn() async throws {
        let server = try await TestRedis.own()
        _ = try await connect(server).command(["ACL", "SETUSER", "alice", "on", ">s3cret/@", "~a*", "+get", "+set"])
        let alice = RedisConnection(try server.address(as: "alice:s3cret%2F%40"), logger: quiet)
        // CLIENT is not among her commands: the login does without it.
        #expect(try await alice.command(["SET", "a", "1"]).string == "OK")
        for command: [RedisArgument] in [["GET", "b"], ["INCR", "a"]] {
            let error = await #expect(throws: RedisError.self) { try await alice.command(command) }
            guard case .server(let reply) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reply.code == "NOPERM" && reply.reaction == .stop)
        }
        let wrong = RedisConnection(try server.address(as: "alice:other"), logger: quiet)
        let error = await #expect(throws: RedisError.self) { try await wrong.command(["GET", "a"]) }
        #expect(error?.description.contains("WRONGPASS") == true)
        #expect(error?.description.contains("other") == false)
    }

    @Test func plainTCPSelectsItsDatabaseAgainAfterACut() async throws {
        let server = try await TestRedis.own()
        let proxy = try await TCPProxy(socketPath: server.socketPath)
        let redis = RedisConnection(try RedisAddress(url: "redis://127.0.0.1:\(proxy.port)/5"), logger: quiet)
        _ = try await redis.command(["SET", "k", "five"])
        proxy.cut()
        try await eventually {
            _ = try await redis.command(["PING"])
            return redis.generation == 2
        }
        #expect(try await redis.command(["GET", "k"]).string == "five")
        #expect(try await connect(server, "?db=5").command(["GET", "k"]).string == "five")
        #expect(try await connect(server).command(["GET", "k"]).isNull)
        await proxy.stop()
    }

    @Test func databaseThatIsNotThereIsSaid() async throws {
        let server = try await TestRedis.own()
        let error = await #expect(throws: RedisError.self) { try await connect(server, "?db=999").command(["PING"]) }
        #expect(error?.description.contains("DB index is out of range") == true)
    }

    @Test func fullServerIsTheReasonAndIsTriedAgain() async throws {
        let server = try await TestRedis.own(arguments: ["--maxclients", "1"])
        let only = try connect(server)
        _ = try await only.command(["PING"])
        let redis = try connect(server, options: RedisOptions(commandTimeout: .seconds(2)))
        let error = await #expect(throws: RedisError.self) { try await redis.command(["PING"], timeout: .milliseconds(400)) }
        #expect(error?.neverSent == true)
        #expect(error?.description.contains("max number of clients") == true, "\(String(describing: error))")
        await only.close()
        try await eventually { try await redis.command(["PING"]).string == "PONG" }
    }

    @Test func silentServerIsGivenUpAfterTheConnectTimeout() async throws {
        let server = try await TestRedis.own()
        let proxy = try await TCPProxy(socketPath: server.socketPath)
        proxy.set(.swallowing)
        let options = RedisOptions(connectTimeout: .milliseconds(100), commandTimeout: .milliseconds(500))
        let redis = RedisConnection(try RedisAddress(url: "redis://127.0.0.1:\(proxy.port)"), options: options, logger: quiet)
        let error = await #expect(throws: RedisError.self) { try await redis.command(["PING"]) }
        #expect(error?.neverSent == true)
        #expect(error?.description.contains("did not answer") == true, "\(String(describing: error))")
        proxy.set(.passing)
        try await eventually { try await redis.command(["PING"]).string == "PONG" }
        await proxy.stop()
    }
}
