/// Sizes, times and broken answers: each bound has its error.
import Glibc
import Synchronization
import TestServers
import Testing

@testable import WebFetch

@Suite(.timeLimit(.minutes(1))) struct LimitTests {
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    private func fetch(_ server: RawServer, _ change: (inout FetchLimits) -> Void = { _ in }) async throws(FetchError) -> [UInt8] {
        var request = FetchRequest(url: server.url)
        change(&request.limits)
        return try await fetcher.fetch(request).body.collect()
    }

    @Test func anEndlessChunkedBodyIsCutAtTheLimit() async throws {
        let server = try RawServer { _, connection in
            connection.send("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.send("1000\r\n" + String(repeating: "x", count: 4096) + "\r\n") {}
            return false
        }
        defer { server.stop() }
        await #expect(throws: FetchError.tooLarge(limit: 100_000)) { try await fetch(server) { $0.maxBodyBytes = 100_000 } }
        for await _ in server.closings { break }
    }

    @Test func anAnnouncedLengthAboveTheLimitIsRefusedAtOnce() async throws {
        let server = try RawServer { _, connection in
            connection.send("HTTP/1.1 200 x\r\nContent-Length: 100001\r\n\r\n")
            connection.waitForEnd()
            return false
        }
        defer { server.stop() }
        await #expect(throws: FetchError.tooLarge(limit: 100_000)) { try await fetch(server) { $0.maxBodyBytes = 100_000 } }
    }

    @Test func aBodyOfExactlyTheLimitPasses() async throws {
        let server = try RawServer { _, connection in connection.answer(200, [], String(repeating: "x", count: 5000)) }
        defer { server.stop() }
        #expect(try await fetch(server) { $0.maxBodyBytes = 5000 }.count == 5000)
    }

    @Test(arguments: [true, false])
    func aGzipBombIsCutByItsRatioLongBeforeTheSizeLimit(_ chunked: Bool) async throws {
        let bomb = Deflate.zeros(atLeast: 16 << 20)
        let server = try RawServer { _, connection in
            let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(bomb.count)"
            connection.send("HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\n\(framing)\r\n\r\n")
            if chunked { connection.send(String(bomb.count, radix: 16) + "\r\n") }
            connection.send(bomb)
            if chunked { connection.send("\r\n0\r\n\r\n") }
            return true
        }
        defer { server.stop() }
        await #expect(throws: FetchError.expandsTooMuch(limit: 100)) { try await fetch(server) { $0.maxBodyBytes = 1 << 30 } }
        await #expect(throws: FetchError.tooLarge(limit: 1 << 20)) {
            try await fetch(server) { ($0.maxBodyBytes, $0.maxExpansion) = (1 << 20, 1000) }
        }
        #expect(try await fetch(server) { ($0.maxBodyBytes, $0.maxExpansion) = (1 << 30, 1000) }.count >= 16 << 20)
    }

    @Test func headersAboveTheLimitEndTheFetch() async throws {
        let server = try RawServer { _, connection in
            connection.send("HTTP/1.1 200 x\r\n")
            while connection.send("a: " + String(repeating: "b", count: 100) + "\r\n") {}
            return false
        }
        defer { server.stop() }
        await #expect(throws: FetchError.tooLarge(limit: 64 << 10)) { try await fetch(server) }
    }

    @Test func aServerThatNeverAnswersTimesOut() async throws {
        let server = try RawServer { _, connection in
            connection.waitForEnd()
            return false
        }
        defer { server.stop() }
        let silent = FetchError.timedOut("127.0.0.1 sends nothing, or too slowly", sent: true)
        await #expect(throws: silent) { try await fetch(server) { $0.idleTimeout = .milliseconds(200) } }
        let late = FetchError.timedOut("no whole response from 127.0.0.1 in time", sent: true)
        await #expect(throws: late) { try await fetch(server) { $0.totalTimeout = .milliseconds(200) } }
        #expect(late.isTransient && !late.neverSent)
    }

    @Test func aSlowDripIsAsGoodAsSilence() async throws {
        let server = try RawServer { _, connection in
            connection.send("HTTP/1.1 200 x\r\nContent-Length: 1000\r\n\r\n")
            while connection.linger(milliseconds: 50) && connection.send("x") {}
            return false
        }
        defer { server.stop() }
        await #expect(throws: FetchError.timedOut("127.0.0.1 sends nothing, or too slowly", sent: true)) {
            try await fetch(server) { ($0.idleTimeout, $0.minimumRate) = (.milliseconds(400), 100) }
        }
    }

    @Test func aSteadyBodyMayTakeManyIdleTimes() async throws {
        let server = try RawServer { _, connection in
            connection.send("HTTP/1.1 200 x\r\nContent-Length: 2000\r\n\r\n")
            return (0..<20).allSatisfy { _ in connection.linger(milliseconds: 100) && connection.send(String(repeating: "x", count: 100)) }
        }
        defer { server.stop() }
        #expect(try await fetch(server) { $0.idleTimeout = .seconds(1) }.count == 2000)
    }

    @Test(arguments: [
        "HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello", "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
    func aTruncatedBodyIsIncomplete(_ answer: String) async throws {
        let server = try RawServer { _, connection in connection.send(answer) && false }
        defer { server.stop() }
        await #expect(throws: FetchError.incomplete("127.0.0.1")) { try await fetch(server) }
    }

    @Test(arguments: ["SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 200 x\r\nContent-Length: -5\r\n\r\n"])
    func whatIsNotHTTPIsToldApart(_ answer: String) async throws {
        let server = try RawServer { _, connection in connection.send(answer) && false }
        defer { server.stop() }
        await #expect(throws: FetchError.protocolViolation("127.0.0.1")) { try await fetch(server) }
    }

    @Test func aConnectionClosedBeforeTheAnswerIsLost() async throws {
        let server = try RawServer { _, _ in false }
        defer { server.stop() }
        await #expect(throws: FetchError.connectionLost("127.0.0.1")) { try await fetch(server) }
        #expect(!FetchError.connectionLost("").neverSent)
    }

    @Test func nobodyThereAndNoSuchNameWereNeverSent() async throws {
        let server = try RawServer { _, _ in false }
        server.stop()
        for await _ in server.endings { break }
        for (url, error) in [
            (server.url, FetchError.connectionRefused("127.0.0.1")), ("http://no-such-host.invalid/", .unresolved("no-such-host.invalid")),
        ] {
            await #expect(throws: error) { try await fetcher.fetch(FetchRequest(url: url)) }
            #expect(error.neverSent && error.isTransient)
        }
    }

    /// The server takes the client's hello for a request that is not complete yet.
    @Test func aHandshakeThatNeverEndsWasNeverSent() async throws {
        let server = try RawServer { _, connection in connection.answer() }
        defer { server.stop() }
        var request = FetchRequest(url: "https://127.0.0.1:\(server.port)/")
        request.limits.connectTimeout = .milliseconds(200)
        let late = FetchError.timedOut("no connection to 127.0.0.1", sent: false)
        await #expect(throws: late) { try await fetcher.fetch(request) }
        #expect(late.neverSent && late.isTransient)
    }

    @Test func aSlowReaderStopsTheSender() async throws {
        let stalledAt = Mutex(0)
        let (stalls, stall) = AsyncStream<Void>.makeStream()
        let total = 64 << 20
        let server = try RawServer { _, connection in
            connection.send("HTTP/1.1 200 x\r\nContent-Length: \(total)\r\n\r\n")
            let piece = [UInt8](repeating: 1, count: 64 << 10)
            for sent in stride(from: 0, to: total, by: piece.count) {
                if stalledAt.withLock({ $0 == 0 }), connection.isStalled(milliseconds: 1500) {
                    stalledAt.withLock { $0 = sent }
                    stall.yield()
                }
                guard connection.send(piece) else { return false }
            }
            return true
        }
        defer { server.stop() }
        var request = FetchRequest(url: server.url)
        request.limits.maxBodyBytes = total
        request.limits.idleTimeout = .seconds(1)  // the reader's own pause is no idleness
        let body = try await fetcher.fetch(request).body
        for await _ in stalls { break }
        // What the sender got rid of is in the kernel's buffers and our 256 KiB.
        #expect(stalledAt.withLock { $0 } < 16 << 20)
        var count = 0
        for try await chunk in body {
            #expect(chunk.count <= BodyPipe.highWater + (2 << 20))
            count += chunk.count
        }
        #expect(count == total)
    }
}

/// Writes a gzip stream of zeros by hand: fixed Huffman codes, matches of 258 bytes at distance 1, 13 bits each.
enum Deflate {
    static func zeros(atLeast count: Int) -> [UInt8] {
        var bytes: [UInt8] = [31, 139, 8, 0, 0, 0, 0, 0, 0, 255]
        var pending = 0
        var used = 0
        func put(_ bits: Int, _ width: Int) {
            pending |= bits << used
            used += width
            while used >= 8 {
                bytes.append(UInt8(pending & 0xFF))
                pending >>= 8
                used -= 8
            }
        }
        put(0b011, 3)  // the last block, fixed codes
        put(0b0000_1100, 8)  // the literal 0: code 00110000, first bit first
        let matches = count / 258 + 1
        for _ in 0..<matches { put(0b1010_0011, 13) }  // length 258: code 11000101; distance 1: code 00000
        put(0, 7)  // end of block
        if used > 0 { put(0, 8 - used) }
        let size = UInt32(matches * 258 + 1)
        let sum = CRC32.ofZeros(Int(size))
        for word in [sum, size] { for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) } }
        return bytes
    }
}

enum CRC32 {
    static func ofZeros(_ count: Int) -> UInt32 {
        var table = [UInt32](repeating: 0, count: 256)
        for index in 0..<256 { table[index] = (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 } }
        var sum: UInt32 = 0xFFFF_FFFF
        for _ in 0..<count { sum = sum >> 8 ^ table[Int(sum & 0xFF)] }
        return ~sum
    }
}
