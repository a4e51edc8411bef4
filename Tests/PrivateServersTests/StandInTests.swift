import Glibc
import NIOPosix
import TestServers
import Testing

/// The stand-ins are tools of the other tests: here they prove that they do what they say, seen from a plain socket.
@Suite(.timeLimit(.minutes(1)))
struct StandInTests {
    @Test func theStubAnswersAndRemembersWhatItWasAsked() async throws {
        let server = try await StubHTTPServer { .text("hello \($0.path)") }
        let client = try PlainClient(port: server.port)
        client.send("POST /a?b=1 HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nContent-Length: 3\r\n\r\nxyz")
        #expect(try await client.read(until: "hello /a").hasPrefix("HTTP/1.1 200"))
        let request = try #require(server.requests.first)
        #expect(
            request.method == "POST" && request.target == "/a?b=1" && request.header("x-one") == "1" && request.body == Array("xyz".utf8))
        await server.stop()
    }

    @Test func aStreamGoesOutPieceByPiece() async throws {
        let (permits, permit) = AsyncStream<Void>.makeStream()
        let server = try await StubHTTPServer { _ in
            .stream { writer in
                await writer.write("first")
                for await _ in permits { break }
                await writer.write("second")
            }
        }
        let client = try PlainClient(port: server.port)
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await !client.read(until: "first").contains("second"))
        permit.yield()
        #expect(try await client.read(until: "0\r\n\r\n").contains("second"))
        await server.stop()
    }

    @Test func aTruncatedBodyEndsEarly() async throws {
        let server = try await StubHTTPServer { _ in .truncated(length: 100, body: Array("abc".utf8)) }
        let client = try PlainClient(port: server.port)
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await client.read(until: nil).hasSuffix("abc"))
        await server.stop()
    }

    @Test func theProxyPassesSwallowsAndCuts() async throws {
        let server = try await StubHTTPServer { .text("hello \($0.path)") }
        let proxy = try await TCPProxy(port: server.port)
        let client = try PlainClient(port: proxy.port)
        client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await client.read(until: "hello /1").contains("200"))
        proxy.set(.swallowing)
        client.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        proxy.cut()
        #expect(try await client.read(until: nil) == "")
        #expect(server.requests.count == 1)
        proxy.goAway()
        let refused = try PlainClient(port: proxy.port)
        refused.send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await refused.read(until: nil) == "")
        await proxy.stop()
        await server.stop()
    }
}

/// A plain socket. It blocks on threads made for that: the handlers of the server under test need the shared ones.
private final class PlainClient: Sendable {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        try #require(connected == 0)
    }

    deinit { close(descriptor) }

    func send(_ text: String) { _ = Glibc.send(descriptor, Array(text.utf8), text.utf8.count, Int32(MSG_NOSIGNAL)) }

    /// What arrived up to the text, or up to the end of the connection.
    func read(until end: String?) async throws -> String {
        try await NIOThreadPool.singleton.runIfActive { self.readBlocking(until: end) }
    }

    private func readBlocking(until end: String?) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            if let end, String(decoding: bytes, as: UTF8.self).contains(end) { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
