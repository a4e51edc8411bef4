import NIOCore
import Testing

@testable import RedisWire

struct ProtocolTests {
    private let stream = "*3\r\n$5\r\nhello\r\n:-12\r\n*2\r\n$-1\r\n*-1\r\n+OK\r\n-ERR no\r\n*0\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n"

    private func read(_ text: String, step: Int, maxBytes: Int = 1000, maxDepth: Int = 8) throws(RedisError) -> [RedisReply] {
        let reader = ReplyReader(maxBytes: maxBytes, maxDepth: maxDepth)
        var replies: [RedisReply] = []
        var rest = text.utf8[...]
        while !rest.isEmpty {
            try reader.read(ByteBuffer(bytes: rest.prefix(step))) { replies.append($0) }
            rest = rest.dropFirst(step)
        }
        return replies
    }

    @Test(arguments: [1, 2, 3, 5, 7, 11, 1000]) func fragmentsDoNotMatter(step: Int) throws {
        let expected: [RedisReply] = [
            .array([.bulk(Array("hello".utf8)), .integer(-12), .array([.null, .null])]), .status("OK"),
            .error(RedisServerError(code: "ERR", message: "no")), .array([]), .bulk([]), .bulk([13, 10, 13, 10]),
        ]
        #expect(try read(stream, step: step) == expected)
    }

    @Test(
        arguments: ["$2000\r\n", "*2000000000\r\n", "*99999999999999999999\r\n", "*9223372036854775807\r\n", "$9223372036854775807\r\n"],
        [1, 100])
    func hugeAnnouncementIsRefused(header: String, step: Int) {
        #expect(throws: RedisError.self) { try read(header, step: step) }
    }

    @Test func repliesBeforeARefusedOneAreDelivered() {
        let reader = ReplyReader(maxBytes: 100, maxDepth: 8)
        var replies: [RedisReply] = []
        #expect(throws: RedisError.self) { try reader.read(ByteBuffer(string: "+A\r\n:1\r\n$500\r\n")) { replies.append($0) } }
        #expect(replies == [.status("A"), .integer(1)])
    }

    @Test func endlessLineIsRefused() {
        #expect(throws: RedisError.self) { try read("+" + String(repeating: "x", count: 2000), step: 100) }
    }

    @Test func smallRepliesNeverAddUp() throws {
        #expect(try read(String(repeating: "$3\r\nabc\r\n", count: 500), step: 64, maxBytes: 40).count == 500)
    }

    @Test func eightLevelsAreReadAndNineRefused() throws {
        #expect(try read(String(repeating: "*1\r\n", count: 8) + ":1\r\n", step: 5).count == 1)
        #expect(throws: RedisError.self) { try read(String(repeating: "*1\r\n", count: 9) + ":1\r\n", step: 5) }
    }

    @Test(arguments: ["%1\r\n", "hello\r\n", "\r\n"]) func otherProtocolsAreRefused(text: String) {
        #expect(throws: RedisError.self) { try read(text, step: 100) }
    }

    @Test func commandIsFramedByLength() {
        var buffer = ByteBuffer()
        buffer.writeCommand(["SET", "kä\r\n", .bytes([]), .integer(-1234567890123)])
        #expect(String(buffer: buffer) == "*4\r\n$3\r\nSET\r\n$5\r\nkä\r\n\r\n$0\r\n\r\n$14\r\n-1234567890123\r\n")
        for count in [0, 9, 10, 99, 100, 123_456_789, Int.max] {
            var header = ByteBuffer()
            header.writeCount(UInt8(ascii: "$"), count)
            #expect(String(buffer: header) == "$\(count)\r\n")
        }
    }

    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", RedisReaction.retrySameNode),
        ("READONLY You can't write against a read only replica.", .reconnect),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .reconnect),
        ("NOREPLICAS Not enough good replicas to write.", .backOff),
        ("OOM command not allowed when used memory > 'maxmemory'.", .refuseIntake),
        ("MISCONF Redis is configured to save RDB snapshots", .backOff),
        ("BUSY Redis is busy running a script.", .backOff), ("NOSCRIPT No matching script.", .sendSource),
        ("NOGROUP No such key", .recreateGroup), ("BUSYGROUP Consumer Group name already exists", .success),
        ("CROSSSLOT Keys in request don't hash to the same slot", .bug), ("MOVED 3999 127.0.0.1:6381", .stop),
        ("ASK 3999 127.0.0.1:6381", .stop), ("TRYAGAIN Multiple keys request during rehashing of slot", .retrySameNode),
        ("CLUSTERDOWN Hash slot not served", .backOff), ("NOAUTH Authentication required.", .stop),
        ("WRONGPASS invalid username-password pair or user is disabled.", .stop), ("NOPERM this user has no permissions", .stop),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .bug),
        ("EXECABORT Transaction discarded because of previous errors.", .backOff),
        ("UNBLOCKED the stream key no longer exists", .enterAgain), ("ERR max number of clients reached", .backOff),
        ("ERR AUTH <password> called without any password configured for the default user.", .stop), ("ERR syntax error", .bug),
    ]) func everyErrorReplyHasAReaction(line: String, reaction: RedisReaction) {
        #expect(RedisServerError(line: line).reaction == reaction)
    }

    @Test func argumentsOfAnUnknownCommandAreNotRepeated() {
        #expect(RedisServerError(line: "ERR unknown command 'x', with args beginning with: 'secret' ").message == "unknown command 'x'")
    }

    @Test func addressesAreRead() throws {
        #expect(try RedisAddress(url: "redis://u:p%40ss@host:7000/2").password == "p@ss")
        #expect(try RedisAddress(url: "redis://u:pass@host:7000/2").description == "redis://host:7000/2")
        #expect(try RedisAddress(url: "redis://:only@host").user == nil)
        #expect(try RedisAddress(url: "redis://[::1]:7000").endpoint == .tcp(host: "::1", port: 7000))
        #expect(try RedisAddress(url: "rediss://h").description == "rediss://h:6379/0")
        #expect(try RedisAddress(url: "redis+unix:///run/r.sock?db=4").database == 4)
        for bad in ["http://h", "redis://", "redis://h:99999", "redis://h/x", "redis://h/-1", "unix://", ""] {
            #expect(throws: RedisError.self) { try RedisAddress(url: bad) }
        }
    }

    @Test func scriptIsKnownByItsDigest() {
        #expect(RedisScript(name: "one", source: Array("return 1".utf8)).sha == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }
}
