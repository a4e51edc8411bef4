/// Puts a stand-in behind a real HTTP server on loopback for the time of one test.
import TestServers

/// Nil as an answer is a server that never says anything.
func withStub<R>(_ answer: @escaping @Sendable (StubCall) -> StubAnswer?, _ body: (String) async throws -> R) async throws -> R {
    let server = try RawServer { request, connection in
        guard let answer = answer(StubCall(request)) else {
            connection.waitForEnd()
            return false
        }
        let headers = answer.headers.map { "\($0.0): \($0.1)" }
        return connection.answer(answer.status, headers, String(decoding: answer.body, as: UTF8.self))
    }
    defer { server.stop() }
    return try await body(server.url)
}

extension StubCall {
    fileprivate init(_ request: RawRequest) {
        let lines = request.head.split(separator: "\r\n").dropFirst().map { $0.split(separator: ":", maxSplits: 1) }
        let pairs = lines.filter { $0.count == 2 }.map { ($0[0].lowercased(), String($0[1].drop { $0 == " " })) }
        self.init(method: request.method, target: request.target, headers: Dictionary(pairs) { $1 }, body: request.body)
    }
}
