import FoundationEssentials
import Glibc
import PrivateServers
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ServerTests {
    @Test func redisAnswersOnItsSocket() async throws {
        let redis = try await TestRedis.shared()
        #expect(try answer(to: "PING\r\n", at: redis.socketPath) == "+PONG\r\n")
    }

    @Test func persistentRedisKeepsItsDataOverKillAndRestart() async throws {
        let redis = try await TestRedis.own(persistent: true, arguments: ["--appendfsync", "always"])
        #expect(try answer(to: "SET k v\r\n", at: redis.socketPath) == "+OK\r\n")
        redis.kill()
        _ = await redis.exit()
        try await redis.restart()
        #expect(try answer(to: "GET k\r\n", at: redis.socketPath) == "$1\r\nv\r\n")
        await redis.stop()
    }

    @Test func aRedisThatCannotStartTellsItsLastWords() async throws {
        await #expect { _ = try await TestRedis.own(arguments: ["--no-such-option", "1"]) } throws: { "\($0)".contains("no-such-option") }
    }

    @Test func aSocketPathThatIsTooLongIsRefused() async throws {
        let long = "/tmp/" + String(repeating: "d", count: 100)
        await #expect { _ = try await PrivateRedis.start(in: long, persistent: false) } throws: { "\($0)".contains("too long") }
        await #expect { _ = try await PrivatePostgres.start(in: long) } throws: { "\($0)".contains("too long") }
    }

    @Test func aMissingProgramNamesItsPackage() {
        #expect { try ServerPrograms.find("no-such-server", package: "some-package") } throws: {
            "\($0)".contains("apt-get install some-package")
        }
    }

    @Test func databasesAreFreshAndCanBeCopied() async throws {
        let postgres = try await TestPostgres.shared()
        let url = try await TestPostgres.freshDatabase(preparedAs: "sample") { _ in
            _ = try await postgres.run("CREATE TABLE t (n int); INSERT INTO t VALUES (42)", database: "template_sample")
        }
        let name = try #require(url.split(separator: "/").last.map(String.init))
        #expect(try await postgres.run("SELECT n FROM t", database: name) == ["42"])
        #expect(try await TestPostgres.freshDatabase() != url)
    }

    @Test func postgresKeepsItsDataOverKillAndRestart() async throws {
        let postgres = try await TestPostgres.own()
        _ = try await postgres.run("CREATE TABLE t AS SELECT 1 AS n; CHECKPOINT")
        postgres.kill()
        try await postgres.restart()
        #expect(try await postgres.run("SELECT n FROM t") == ["1"])
        await postgres.stop()
        #expect(await postgres.exit() == .exited(0))
    }

    @Test func aFrozenPostgresAnswersAgainWhenItThaws() async throws {
        let postgres = try await TestPostgres.own()
        postgres.freeze()
        let answer = Task { try await postgres.run("SELECT 1") }
        try await eventually { try processState(postgres.processID) == "T" }
        postgres.thaw()
        #expect(try await answer.value == ["1"])
        await postgres.stop()
    }

    /// Sends one inline command over a blocking socket; the answers here are short.
    private func answer(to command: String, at path: String) throws -> String {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(connected == 0)
        _ = send(descriptor, Array(command.utf8), command.utf8.count, 0)
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    }
}
