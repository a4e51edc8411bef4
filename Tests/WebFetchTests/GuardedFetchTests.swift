/// Addresses that users give: nothing on this machine and in its private networks may be reached.
import TestServers
import Testing

@testable import WebFetch

@Suite(.timeLimit(.minutes(1))) struct GuardedFetchTests {
    let guarded = Fetcher(guard: AddressGuard(), userAgent: "t")

    private func server() throws -> RawServer { try RawServer { _, connection in connection.answer(200, [], "inside") } }

    @Test(arguments: [
        "127.0.0.1", "localhost", "0x7f.1", "127.1", "2130706433", "0", "0.0.0.0", "017700000001", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST",
    ])
    func noSpellingOfLoopbackIsDialled(_ host: String) async throws {
        let server = try server()
        defer { server.stop() }
        await #expect { try await guarded.fetch(FetchRequest(url: "http://\(host):\(server.port)/secret?token=abc")) } throws: { error in
            guard let error = error as? FetchError, !"\(error)".contains("token") else { return false }
            return switch error {
            case .refusedAddress, .unresolved, .invalidURL: !error.isTransient || host == "127.0.0.1."
            default: false
            }
        }
        #expect(server.connections == 0)
    }

    @Test func aRedirectToLoopbackIsRefused() async throws {
        let inside = try server()
        let outside = try RawServer { _, connection in connection.answer(302, ["Location: http://127.0.0.1:\(inside.port)/"]) }
        defer { inside.stop(); outside.stop() }
        // One port is allowed, and plays the public server.
        let fetcher = Fetcher(guard: AddressGuard(allowing: ["localhost:\(outside.port)"]), userAgent: "t")
        await #expect(throws: FetchError.refusedAddress("127.0.0.1")) {
            try await fetcher.fetch(FetchRequest(url: "http://localhost:\(outside.port)/"))
        }
        #expect(outside.requests.count == 1)
        #expect(inside.connections == 0)
    }

    @Test func aWarmConnectionOfATrustedFetcherIsNoWayIn() async throws {
        let server = try server()
        defer { server.stop() }
        let trusted = Fetcher(guard: nil, userAgent: "t")
        _ = try await trusted.fetch(FetchRequest(url: server.url)).body.collect()
        await #expect(throws: FetchError.refusedAddress("127.0.0.1")) { try await guarded.fetch(FetchRequest(url: server.url)) }
        #expect(server.requests.count == 1)
    }

    /// `localhost` may be reached under its name only; the warm connection to the same address is not lent to another name.
    @Test func aWarmConnectionOfAnAllowedNameIsNoWayInForItsAddress() async throws {
        let server = try server()
        defer { server.stop() }
        let fetcher = Fetcher(guard: AddressGuard(allowing: ["localhost:\(server.port)"]), userAgent: "t")
        let response = try await fetcher.fetch(FetchRequest(url: "http://localhost:\(server.port)/"))
        #expect(try await response.body.collect() == Array("inside".utf8))
        await #expect(throws: FetchError.refusedAddress("127.0.0.1")) { try await fetcher.fetch(FetchRequest(url: server.url)) }
    }

    /// A connection that is used again never asks for a socket: the check before each request is what stops it.
    @Test func onOneLoopAWarmConnectionIsCheckedAgain() async throws {
        let server = try server()
        defer { server.stop() }
        let loop = FetchLoop(maxConnections: 2, maxConnectionsPerHost: 2)
        #expect(try await status(of: server, on: loop, guard: nil) == 200)
        await #expect(throws: FetchError.refusedAddress("127.0.0.1")) { try await status(of: server, on: loop, guard: AddressGuard()) }
        #expect(try await status(of: server, on: loop, guard: nil) == 200)
        #expect(server.requests.count == 2)
        await loop.close()
    }

    private func status(of server: RawServer, on loop: FetchLoop, guard rules: AddressGuard?) async throws -> Int {
        let pipe = BodyPipe()
        let request = FetchRequest(url: server.url)
        let hop = Hop(request: request, url: try WebURL(server.url, limit: 100))
        loop.start(TransferOrder(hop: hop, deadline: nil, addressGuard: rules, userAgent: "t", pipe: pipe))
        let head = try await withCheckedContinuation { pipe.awaitHead($0) }.get()
        _ = try await FetchBody(source: FetchBody.Source(pipe: pipe, loop: loop)).collect()
        return head.status
    }

    @Test func anAllowedBlockOpensIt() async throws {
        let server = try server()
        defer { server.stop() }
        let fetcher = Fetcher(guard: AddressGuard(allowing: ["127.0.0.0/8"]), userAgent: "t")
        #expect(try await fetcher.fetch(FetchRequest(url: server.url)).status == 200)
    }

    /// All sixteen bytes count. Nobody listens there, so that passing the guard is a refused connection.
    @Test func anIPv6AddressIsReadWhole() async throws {
        for (allowed, error) in [("::1/128", FetchError.connectionRefused("[::1]")), ("::2/128", .refusedAddress("[::1]"))] {
            let fetcher = Fetcher(guard: AddressGuard(allowing: [allowed]), userAgent: "t")
            await #expect(throws: error) { try await fetcher.fetch(FetchRequest(url: "http://[::1]:1/")) }
        }
    }

    @Test(arguments: ["http://user:secret@example.org/", "http://:secret@example.org/", "http://user@example.org/"])
    func userNamesInAddressesAreRefusedAndNotRepeated(_ url: String) async throws {
        await #expect { try await guarded.fetch(FetchRequest(url: url)) } throws: { error in
            guard case .invalidURL = error as? FetchError else { return false }
            return !"\(error)".contains("secret")
        }
    }

    @Test func aRedirectWithAUserNameIsRefused() async throws {
        let server = try RawServer { _, connection in connection.answer(302, ["Location: http://u:p@example.org/"]) }
        defer { server.stop() }
        let fetcher = Fetcher(guard: AddressGuard(allowing: ["127.0.0.1"]), userAgent: "t")
        await #expect(throws: FetchError.invalidURL("it contains a user name or password")) {
            try await fetcher.fetch(FetchRequest(url: server.url))
        }
    }

    @Test(arguments: [
        "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://x/", "//example.org/", "example.org", "", "http://", "http://a\r\nb/",
    ])
    func onlyHTTPAddressesAreFetched(_ url: String) async throws {
        await #expect { try await guarded.fetch(FetchRequest(url: url)) } throws: { error in
            if case .invalidURL = error as? FetchError { true } else { false }
        }
    }
}
