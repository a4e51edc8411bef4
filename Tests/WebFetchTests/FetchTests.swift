/// What goes out and what comes back, on a real server.
import Glibc
import Synchronization
import TestServers
import Testing

@testable import WebFetch

@Suite(.timeLimit(.minutes(1))) struct FetchTests {
    let fetcher = Fetcher(guard: nil, userAgent: "tester/1")

    @Test func whatCannotBeSentInTimeIsNotSent() async throws {
        let heard = Mutex(0)
        let server = try await StubHTTPServer { _ in
            heard.withLock { $0 += 1 }
            return .text("ok")
        }
        let fetcher = Fetcher(guard: nil, userAgent: "tests")
        var request = FetchRequest(method: "POST", url: server.url, body: [1])
        request.sendBy = .now
        let late = await #expect(throws: FetchError.self) { try await fetcher.fetch(request) }
        #expect(late?.neverSent == true && heard.withLock { $0 } == 0)
        request.sendBy = .now + .seconds(30)
        #expect(try await fetcher.fetch(request).status == 200)
        // Also on a connection that is there already.
        request.sendBy = .now
        await #expect(throws: FetchError.self) { try await fetcher.fetch(request) }
        #expect(heard.withLock { $0 } == 1)
        await fetcher.close()
        await server.stop()
    }

    @Test func aGetReturnsStatusHeadersAndBody() async throws {
        let server = try RawServer { _, connection in
            connection.answer(404, ["Content-Type: text/plain", "X-Two: a", "x-two: b"], "not here")
        }
        defer { server.stop() }
        let response = try await fetcher.fetch(FetchRequest(url: server.url + "/a?b=c#d"))
        #expect(response.status == 404)
        #expect(response.contentType == "text/plain")
        #expect(response.header("X-TWO") == "a")
        #expect(response.url == server.url + "/a?b=c")
        #expect(try await response.body.collect() == Array("not here".utf8))
        #expect(server.requests.map(\.target) == ["/a?b=c"])
        #expect(server.requests.first?.header("user-agent") == "tester/1")
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "PATCH"])
    func aBodyIsSentWithItsMethodAndHeaders(_ method: String) async throws {
        let server = try RawServer { _, connection in connection.answer(200, [], "ok") }
        defer { server.stop() }
        let body = [UInt8](repeating: 7, count: 3 << 20)
        let request = FetchRequest(
            method: method, url: server.url, headers: [("Content-Type", "application/x"), ("X-Empty", "")], body: body)
        #expect(try await fetcher.fetch(request).status == 200)
        let seen = try #require(server.requests.first)
        #expect(seen.method == method)
        #expect(seen.body == body)
        #expect(seen.header("content-type") == "application/x")
        #expect(seen.header("x-empty") == "")
        #expect(seen.header("expect") == nil)
    }

    /// Without it, libcurl sends the POST again by itself.
    @Test func aRequestThatIsSentOnceArrivesOnceAlsoWhenAKeptConnectionIsClosed() async throws {
        let server = try RawServer { request, connection in
            guard request.method == "GET" else { return false }
            connection.send("HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok")
            return true
        }
        defer { server.stop() }
        _ = try await fetcher.fetch(FetchRequest(url: server.url)).body.collect()
        var request = FetchRequest(method: "POST", url: server.url, body: [1])
        request.isSentOnce = true
        await #expect(throws: FetchError.connectionLost("127.0.0.1")) { try await fetcher.fetch(request) }
        #expect(server.requests.map(\.method) == ["GET", "POST"])
    }

    @Test func aPostWithoutBodyHasLengthZeroAndNoContentType() async throws {
        let server = try RawServer { _, connection in connection.answer() }
        defer { server.stop() }
        _ = try await fetcher.fetch(FetchRequest(method: "POST", url: server.url)).body.collect()
        let seen = try #require(server.requests.first)
        #expect(seen.header("content-length") == "0")
        #expect(seen.header("content-type") == nil)
    }

    @Test func aHeadRequestHasNoBodyAndNoSizeLimit() async throws {
        let server = try RawServer { _, connection in connection.send("HTTP/1.1 200 x\r\nContent-Length: 99999999999\r\n\r\n") }
        defer { server.stop() }
        let response = try await fetcher.fetch(FetchRequest(method: "HEAD", url: server.url))
        #expect(response.header("content-length") == "99999999999")
        #expect(try await response.body.collect() == [])
    }

    @Test func aCompressedBodyArrivesDecoded() async throws {
        let hello: [UInt8] = [
            31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 87, 200, 64, 144, 0, 128, 136, 249, 229, 17, 0, 0, 0,
        ]
        let server = try RawServer { _, connection in
            connection.send(Array("HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\nContent-Length: \(hello.count)\r\n\r\n".utf8) + hello)
        }
        defer { server.stop() }
        #expect(try await fetcher.fetch(FetchRequest(url: server.url)).body.collect() == Array("hello hello hello".utf8))
        #expect(try await fetcher.fetch(FetchRequest(url: server.url, compression: false)).body.collect() == hello)
        #expect(server.requests.map { $0.header("accept-encoding")?.contains("gzip") } == [true, nil])
    }

    @Test func aConnectionIsUsedAgain() async throws {
        let server = try RawServer { _, connection in connection.answer(200, [], "ok") }
        defer { server.stop() }
        for _ in 0..<5 { _ = try await fetcher.fetch(FetchRequest(url: server.url)).body.collect() }
        #expect(server.connections == 1)
    }

    @Test func aHeaderThatCouldSmuggleIsRefused() async throws {
        for (name, value) in [("X", "a\r\nB: c"), ("A b", "c"), ("", "x"), ("Content-Length", "5"), ("Host", "other"), ("X", "\0")] {
            await #expect(throws: FetchError.self) {
                try await fetcher.fetch(FetchRequest(url: "http://127.0.0.1:1/", headers: [(name, value)]))
            }
        }
        await #expect(throws: FetchError.invalidRequest("the method is not a token")) {
            try await fetcher.fetch(FetchRequest(method: "GET / HTTP/1.1\r\nX:", url: "http://127.0.0.1:1/"))
        }
    }

    @Test func theProxyOfTheEnvironmentIsNotUsed() async throws {
        // Only curl reads these names here; a proxy at port 1 would refuse every request of this process.
        for name in ["http_proxy", "all_proxy", "ALL_PROXY"] { setenv(name, "http://127.0.0.1:1", 1) }
        let server = try RawServer { _, connection in connection.answer(200, [], "direct") }
        defer { server.stop() }
        #expect(try await fetcher.fetch(FetchRequest(url: server.url)).body.collect() == Array("direct".utf8))
    }

    @Test func twoHundredRequestsWaitTogetherNotInTurn() async throws {
        let server = try RawServer { _, connection in connection.linger(milliseconds: 500) && connection.answer(200, [], "ok") }
        defer { server.stop() }
        let wide = Fetcher(guard: nil, userAgent: "t", maxConnections: 256, maxConnectionsPerHost: 256)
        let start = ContinuousClock.now
        let statuses = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<200 { group.addTask { try? await wide.fetch(FetchRequest(url: server.url)).status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 200, count: 200))
        #expect(ContinuousClock.now - start < .seconds(20))  // one after the other: 100 s
    }

    @Test func requestsBeyondTheConnectionLimitWaitWithoutTimingOut() async throws {
        let server = try RawServer { _, connection in connection.linger(milliseconds: 300) && connection.answer(200, [], "ok") }
        defer { server.stop() }
        let narrow = Fetcher(guard: nil, userAgent: "t", maxConnections: 4, maxConnectionsPerHost: 2)
        var request = FetchRequest(url: server.url)
        request.limits.connectTimeout = .milliseconds(800)
        request.limits.idleTimeout = .milliseconds(900)
        let statuses = await withTaskGroup(of: Int?.self) { [request] group in
            for _ in 0..<10 { group.addTask { try? await narrow.fetch(request).status } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 200, count: 10))
        #expect(server.connections <= 2)
    }
}
