import NIOCore
import NIOPosix
import PrivateServers
import Synchronization
import TestServers
import Testing

@testable import RedisWire

/// What may pile up on our side is bounded, and what a caller gives up is given up on the server too.
@Suite(.timeLimit(.minutes(1))) struct QueueLimitTests {
    @Test func commandLargerThanTheLimitIsRefusedAndNothingShifts() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server, options: RedisOptions(maxQueuedBytes: 10_000))
        let huge = RedisArgument.bytes([UInt8](repeating: 120, count: 10_000))
        let error = await #expect(throws: RedisError.self) { try await redis.command(["SET", "k", huge]) }
        #expect(error?.neverSent == true)
        #expect(error?.description.contains("10000 bytes") == true)
        #expect(try await redis.command(["ECHO", "mine"]).string == "mine")
        #expect(try await redis.command(["EXISTS", "k"]) == .integer(0))
        #expect(try await redis.command(["SET", "k", .bytes([UInt8](repeating: 120, count: 9_900))]).string == "OK")
    }

    @Test func commandsWaitingForAConnectionAreBounded() throws {
        let queue = try Queue(url: "unix:///nonexistent/r.sock", limit: 10_000)
        for _ in 0..<20 { queue.set(bytes: 960) }
        #expect(queue.refusals == 10)
        queue.link.close()
        #expect(queue.refusals == 20)
    }

    @Test func bytesThatAFrozenServerDoesNotReadAreBounded() async throws {
        let server = try await TestRedis.own()
        let queue = try Queue(url: server.url, limit: 1 << 20)
        queue.set(bytes: 1)
        try await eventually { queue.answers == 1 }
        server.freeze()
        for _ in 0..<40 {
            queue.set(bytes: 100_000)
            try await queue.link.loop.submit {}.get()
        }
        // The limit, and what the kernel takes besides.
        #expect((25...31).contains(queue.refusals), "\(queue.refusals) of 40 were refused")
        server.thaw()
        try await eventually { queue.answers + queue.refusals == 41 }
        queue.set(bytes: 1_000_000)
        try await eventually { queue.answers + queue.refusals == 42 }
        #expect((25...31).contains(queue.refusals))
        queue.link.close()
    }

    /// A link whose outcomes are counted. Sending does not wait, so a refusal is seen when `set` returns.
    private final class Queue: Sendable {
        let link: RedisLink
        private let counts = Mutex((answers: 0, refusals: 0))
        var answers: Int { counts.withLock(\.answers) }
        var refusals: Int { counts.withLock(\.refusals) }

        init(url: String, limit: Int) throws {
            link = RedisLink(
                try RedisAddress(url: url), options: RedisOptions(maxQueuedBytes: limit),
                loop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: quiet)
        }

        /// 40 bytes more than the value's travel, about.
        func set(bytes: Int) {
            let waiter = Waiter(deadline: .now() + .seconds(20)) { [self] result in
                counts.withLock { counts in
                    if case .success = result { counts.answers += 1 } else { counts.refusals += 1 }
                }
            }
            link.send(waiter, replies: 1) { $0.writeCommand(["SET", "k", .bytes([UInt8](repeating: 120, count: bytes))]) }
        }
    }

    @Test func cancelledBlockingReadIsForgottenByTheServer() async throws {
        let server = try await TestRedis.own()
        let (reader, control) = (try connect(server), try connect(server))
        _ = try await control.command(["XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"])
        let read = Task {
            try await reader.command(
                ["XREADGROUP", "GROUP", "g", "c", "BLOCK", "30000", "STREAMS", "s", ">"], timeout: .seconds(40), blocks: true)
        }
        try await eventually { try await blockedClients(control) == 1 }
        read.cancel()
        await #expect(throws: RedisError.cancelled) { try await read.value }
        try await eventually { try await blockedClients(control) == 0 }
        _ = try await control.command(["XADD", "s", "*", "f", "v"])
        #expect(try await control.command(["XPENDING", "s", "g"]).array?.first == .integer(0))
        #expect(try await reader.command(["PING"]).string == "PONG")
    }

    private func blockedClients(_ control: RedisConnection) async throws -> Int? {
        let lines = try await control.command(["INFO", "clients"]).string ?? ""
        return lines.split(whereSeparator: \.isNewline).first { $0.hasPrefix("blocked_clients:") }.flatMap { Int($0.dropFirst(16)) }
    }
}
