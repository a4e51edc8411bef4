import Glibc
import PrivateServers
import RedisWire
import Synchronization
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct SubscriberTests {
    @Test func everyListenerGetsEveryMessage() async throws {
        let server = try await TestRedis.own()
        let subscriber = RedisSubscriber(try server.address(), logger: quiet)
        let redis = try connect(server)
        var one = try await subscriber.subscribe("c").makeAsyncIterator()
        var two = try await subscriber.subscribe("c").makeAsyncIterator()
        #expect(try await redis.command(["PUBLISH", "c", "hello"]) == .integer(1))
        #expect(await one.next() == .message(Array("hello".utf8)))
        #expect(await two.next() == .message(Array("hello".utf8)))
        await subscriber.close()
        #expect(await one.next() == nil)
    }

    @Test func killedSubscriberComesBackWithAGap() async throws {
        let server = try await TestRedis.own()
        let subscriber = RedisSubscriber(try server.address(), logger: quiet)
        let redis = try connect(server)
        var signals = try await subscriber.subscribe("c").makeAsyncIterator()
        _ = try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
        #expect(await signals.next() == .gap)
        _ = try await redis.command(["PUBLISH", "c", "after"])
        #expect(await signals.next() == .message(Array("after".utf8)))
    }

    @Test func slowListenerGetsAGapInsteadOfMemory() async throws {
        let server = try await TestRedis.own()
        let subscriber = RedisSubscriber(try server.address(), logger: quiet)
        let redis = try connect(server)
        var slow = try await subscriber.subscribe("c", bufferLimit: 2).makeAsyncIterator()
        var fast = try await subscriber.subscribe("c").makeAsyncIterator()
        for number in Int64(0)..<3 { _ = try await redis.command(["PUBLISH", "c", .integer(number)]) }
        for number in 0..<3 { #expect(await fast.next() == .message(Array("\(number)".utf8))) }
        #expect(await slow.next() == .gap)
    }

    @Test func lastListenerUnsubscribes() async throws {
        let server = try await TestRedis.own()
        let subscriber = RedisSubscriber(try server.address(), logger: quiet)
        let redis = try connect(server)
        var signals: RedisSubscription.AsyncIterator? = try await subscriber.subscribe("c").makeAsyncIterator()
        #expect(signals != nil)
        #expect(try await redis.command(["PUBSUB", "NUMSUB", "c"]).array?.last == .integer(1))
        signals = nil
        try await eventually { try await redis.command(["PUBSUB", "NUMSUB", "c"]).array?.last == .integer(0) }
    }

    @Test func cancelledReaderEnds() async throws {
        let server = try await TestRedis.own()
        let subscriber = RedisSubscriber(try server.address(), logger: quiet)
        let signals = try await subscriber.subscribe("c")
        let reader = Task { for await _ in signals {} }
        reader.cancel()
        await reader.value
    }

    /// In a process of its own: no other test should wait for the threads that this one blocks.
    @Test func pulseBeatsWhileEverySharedThreadIsBlocked() async {
        await #expect(processExitsWith: .success) {
            let server = try await TestRedis.own()
            let beats = Atomic(0)
            let script = RedisScript(name: "beat", source: Array("return redis.call('INCR', KEYS[1])".utf8))
            let pulse = RedisPulse(
                try server.address(), options: RedisOptions(), interval: .milliseconds(10), script: script,
                call: { (["beat"], []) }, onReply: { if case .success = $0 { beats.add(1, ordering: .relaxed) } }, logger: quiet)
            pulse.start()
            try await eventually { beats.load(ordering: .relaxed) > 0 }
            let before = beats.load(ordering: .relaxed)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<16 { group.addTask { _ = usleep(200_000) } }
            }
            let after = beats.load(ordering: .relaxed)
            guard after > before + 10 else { fatalError("only \(after - before) beats came while every shared thread was blocked") }
            await pulse.stop()
            let counted = try await connect(server).command(["GET", "beat"]).integer ?? 0
            guard counted >= after else { fatalError("the server counted \(counted) of \(after) beats") }
        }
    }

    @Test func pulseSendsItsScriptAgainAfterAFlush() async throws {
        let server = try await TestRedis.own()
        let redis = try connect(server)
        let failures = Atomic(0)
        let script = RedisScript(name: "beat", source: Array("return redis.call('INCR', KEYS[1])".utf8))
        let pulse = RedisPulse(
            try server.address(), options: RedisOptions(), interval: .milliseconds(10), script: script,
            call: { (["beat"], []) }, onReply: { if case .failure = $0 { failures.add(1, ordering: .relaxed) } }, logger: quiet)
        pulse.start()
        for _ in 0..<3 {
            _ = try await redis.command(["SCRIPT", "FLUSH"])
            let before = try #require(try await redis.command(["INCR", "beat"]).integer)
            try await eventually { try await redis.command(["GET", "beat"]).integer ?? 0 > before }
        }
        await pulse.stop()
        #expect(failures.load(ordering: .relaxed) == 0)
    }
}
