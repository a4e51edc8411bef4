/// Redirects are followed by hand: each hop is a request of its own, with its own checks.
import TestServers
import Testing

@testable import WebFetch

@Suite(.timeLimit(.minutes(1))) struct RedirectTests {
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    private static func server(_ status: Int, to location: @escaping @Sendable (RawRequest) -> String?) throws -> RawServer {
        try RawServer { request, connection in
            guard let next = location(request) else { return connection.answer(200, [], "end") }
            return connection.answer(status, ["Location: \(next)"], "moved")
        }
    }

    @Test func eachHopIsCollected() async throws {
        let hops = ["/1": "2", "/2": "/3?x=y z", "/3?x=y+z": "?q=\u{e9}"]
        let server = try Self.server(302) { hops[$0.target] }
        defer { server.stop() }
        let response = try await fetcher.fetch(FetchRequest(url: server.url + "/1"))
        #expect(response.redirects == [server.url + "/1", server.url + "/2", server.url + "/3?x=y+z"])
        #expect(response.url == server.url + "/3?q=%C3%A9" || response.url == server.url + "/3?q=%c3%a9")
        #expect(try await response.body.collect() == Array("end".utf8))
    }

    @Test func aLoopEndsAtTheLimit() async throws {
        let server = try Self.server(301) { $0.target }
        defer { server.stop() }
        await #expect(throws: FetchError.tooManyRedirects(limit: 5)) { try await fetcher.fetch(FetchRequest(url: server.url)) }
        #expect(server.requests.count == 6)
    }

    @Test func withALimitOfZeroTheRedirectIsTheResponse() async throws {
        let server = try Self.server(307) { _ in "/elsewhere" }
        defer { server.stop() }
        var request = FetchRequest(url: server.url)
        request.limits.maxRedirects = 0
        let response = try await fetcher.fetch(request)
        #expect(response.status == 307)
        #expect(response.header("location") == "/elsewhere")
        #expect(response.redirects == [])
    }

    @Test(arguments: [
        "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://127.0.0.1/", "javascript:alert(1)", "data:text/html,x",
        "dict://127.0.0.1/",
        "FILE:///etc/passwd", "http://", "http://a b/", "http://[::1", "http://127.0.0.1:99999/", "http:\u{8}//x/", "\u{1}", "//",
        "unix:///x",
        "http://x/" + String(repeating: "a", count: 9000),
    ])
    func aHostileLocationIsRefused(_ location: String) async throws {
        let server = try Self.server(302) { $0.target == "/start" ? location : nil }
        defer { server.stop() }
        await #expect(throws: FetchError.invalidRedirect("127.0.0.1")) {
            try await fetcher.fetch(FetchRequest(url: server.url + "/start"))
        }
        #expect(server.requests.count == 1)
    }

    @Test func aLineBreakInALocationCannotAddAHeader() async throws {
        let server = try Self.server(302) { $0.target == "/start" ? "/next%0d%0aX-Evil:%201" : nil }
        defer { server.stop() }
        _ = try await fetcher.fetch(FetchRequest(url: server.url + "/start"))
        #expect(server.requests.last?.header("x-evil") == nil)
        #expect(server.requests.last?.target.lowercased() == "/next%0d%0ax-evil:%201")
    }

    @Test func keysAndCookiesStayWithTheOriginTheyWereMeantFor() async throws {
        let other = try Self.server(200) { _ in nil }
        let server = try Self.server(302) { [other] in $0.target == "/same" ? "/away" : other.url + "/" }
        defer { server.stop(); other.stop() }
        let headers = [("Authorization", "Bearer s"), ("Cookie", "c=1"), ("api-key", "k"), ("Accept", "text/html")]
        _ = try await fetcher.fetch(FetchRequest(url: server.url + "/same", headers: headers))
        #expect(server.requests.map { $0.header("authorization") } == ["Bearer s", "Bearer s"])
        let seen = try #require(other.requests.first)
        #expect(seen.header("authorization") == nil)
        #expect(seen.header("cookie") == nil)
        #expect(seen.header("api-key") == nil)
        #expect(seen.header("accept") == "text/html")
    }

    @Test(arguments: [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
    func aPostKeepsItsBodyOnlyWhereTheStatusSaysSo(_ status: Int, _ method: String) async throws {
        let server = try Self.server(status) { $0.target == "/start" ? "/next" : nil }
        defer { server.stop() }
        _ = try await fetcher.fetch(FetchRequest(method: "POST", url: server.url + "/start", body: Array("data".utf8)))
        #expect(server.requests.last?.method == method)
        #expect(server.requests.last?.body == Array((method == "POST" ? "data" : "").utf8))
    }

    @Test func credentialsOfAnAddressAreNotShown() async throws {
        let server = try Self.server(302) { $0.target == "/a" ? "/b" : nil }
        defer { server.stop() }
        let response = try await fetcher.fetch(FetchRequest(url: "http://user:secret@127.0.0.1:\(server.port)/a"))
        #expect(response.redirects == [server.url + "/a"])
        #expect(response.url == server.url + "/b")
        #expect(server.requests.first?.header("authorization") == "Basic dXNlcjpzZWNyZXQ=")
    }

    @Test func theTotalTimeSpansAllHops() async throws {
        let server = try RawServer { request, connection in
            connection.linger(milliseconds: 200) && connection.answer(302, ["Location: \(request.target)x"])
        }
        defer { server.stop() }
        var request = FetchRequest(url: server.url)
        request.limits.totalTimeout = .milliseconds(500)
        request.limits.maxRedirects = 100
        await #expect { try await fetcher.fetch(request) } throws: { error in
            if case .timedOut = error as? FetchError { true } else { false }
        }
        #expect(server.requests.count <= 4)
    }
}
