/// Whoever stops waiting frees the connection at once.
import TestServers
import Testing

@testable import WebFetch

@Suite(.timeLimit(.minutes(1))) struct CancelTests {
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    /// Sends a head and some bytes, tells the test, then nothing more.
    private func hanging(_ beginning: String, _ begun: AsyncStream<Void>.Continuation) throws -> RawServer {
        try RawServer { _, connection in
            connection.send(beginning)
            begun.yield()
            connection.waitForEnd()
            return false
        }
    }

    @Test func cancellingBeforeTheHeadClosesTheConnection() async throws {
        let (begins, begun) = AsyncStream<Void>.makeStream()
        let server = try hanging("", begun)
        defer { server.stop() }
        let task = Task { try await fetcher.fetch(FetchRequest(url: server.url)).status }
        for await _ in begins { break }
        task.cancel()
        await #expect(throws: FetchError.cancelled) { try await task.value }
        for await _ in server.closings { break }
    }

    @Test func cancellingInTheMiddleOfTheBodyClosesTheConnection() async throws {
        let (begins, begun) = AsyncStream<Void>.makeStream()
        let server = try hanging("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nabc", begun)
        defer { server.stop() }
        let body = try await fetcher.fetch(FetchRequest(url: server.url)).body
        let task = Task { try await body.collect() }
        for await _ in begins { break }
        task.cancel()
        await #expect(throws: FetchError.cancelled) { try await task.value }
        for await _ in server.closings { break }
    }

    @Test func lettingGoOfTheBodyClosesTheConnection() async throws {
        let (_, begun) = AsyncStream<Void>.makeStream()
        let server = try hanging("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nabc", begun)
        defer { server.stop() }
        #expect(try await fetcher.fetch(FetchRequest(url: server.url)).status == 200)
        for await _ in server.closings { break }
    }

    @Test func aCancelledTaskDoesNotBegin() async throws {
        let task = Task { [fetcher] in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await fetcher.fetch(FetchRequest(url: "http://127.0.0.1:1/")).status
        }
        await #expect(throws: FetchError.cancelled) { try await task.value }
    }

    @Test func closingEndsWhatRunsAndRefusesWhatComes() async throws {
        let (begins, begun) = AsyncStream<Void>.makeStream()
        let server = try hanging("HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nabc", begun)
        defer { server.stop() }
        let body = try await fetcher.fetch(FetchRequest(url: server.url)).body
        for await _ in begins { break }
        await fetcher.close()
        await #expect(throws: FetchError.closed) { try await body.collect() }
        await #expect(throws: FetchError.closed) { try await fetcher.fetch(FetchRequest(url: server.url)) }
        for await _ in server.closings { break }
        await fetcher.close()
    }

    @Test func aThousandCancelledFetchesLeaveNothing() async throws {
        let server = try RawServer { _, connection in
            connection.waitForEnd()
            return false
        }
        defer { server.stop() }
        let wide = Fetcher(guard: nil, userAgent: "t", maxConnections: 100, maxConnectionsPerHost: 100)
        for _ in 0..<10 {
            let tasks = (0..<100).map { _ in Task { try await wide.fetch(FetchRequest(url: server.url)).status } }
            for task in tasks { task.cancel() }
            for task in tasks { await #expect(throws: FetchError.cancelled) { try await task.value } }
        }
        let ok = try RawServer { _, connection in connection.answer(200, [], "ok") }
        defer { ok.stop() }
        #expect(try await wide.fetch(FetchRequest(url: ok.url)).status == 200)
        await wide.close()
    }
}
