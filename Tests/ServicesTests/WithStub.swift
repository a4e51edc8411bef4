/// Puts a stand-in behind a real HTTP server on loopback for the time of one test, and lets it speak JSON.
import JobModel
import TestServers

func withStub<R>(_ answer: @escaping @Sendable (StubRequest) -> StubResponse, _ body: (String) async throws -> R) async throws -> R {
    let server = try await StubHTTPServer { answer($0) }
    do {
        let result = try await body(server.url)
        await server.stop()
        return result
    } catch {
        await server.stop()
        throw error
    }
}

extension StubRequest {
    var query: String { String(target.drop { $0 != "?" }.dropFirst()) }
}

extension StubResponse {
    static func json(_ status: Int, _ value: JSONValue, _ headers: [(String, String)] = []) -> StubResponse {
        .answer(status, headers: [("Content-Type", "application/json")] + headers, body: value.bytes)
    }
}
