/// Puts a stand-in behind a real HTTP server on loopback for the time of one test.
import JobModel
import TestServers

func withStub<R>(_ answer: @escaping @Sendable (StubRequest) -> StubResponse, _ body: (String) async throws -> R) async throws -> R {
    try await withServer({ answer($0) }, body)
}

func withServer<R>(
    _ answer: @escaping @Sendable (StubRequest) async -> StubResponse, _ body: (String) async throws -> R
) async throws -> R {
    let server = try await StubHTTPServer { await answer($0) }
    do {
        let result = try await body(server.url)
        await server.stop()
        return result
    } catch {
        await server.stop()
        throw error
    }
}

/// How an answer fails; nil when it does not.
func failureOf(_ provider: some ModelProvider, _ request: ModelRequest) async -> JobFailure? {
    do {
        _ = try await provider.answer(request)
        return nil
    } catch { return error }
}

extension ModelPiece {
    var spoken: String { if case .text(let text) = self { text } else { "" } }
    var thought: String { if case .thinking(let text) = self { text } else { "" } }
}

extension StubRequest {
    var query: String { String(target.drop { $0 != "?" }.dropFirst()) }
}

extension StubResponse {
    static func json(_ status: Int, _ value: JSONValue, _ headers: [(String, String)] = []) -> StubResponse {
        .value(value, status, headers)
    }
}
