/// What the stand-ins see and say. They decide on values; the server under them carries the bytes.
import JobModel

struct StubCall: Sendable {
    let method: String
    /// Path and query as sent.
    let target: String
    let headers: [String: String]  // names in lower case
    let body: [UInt8]

    var path: String { String(target.prefix { $0 != "?" }) }
    var query: String { String(target.drop { $0 != "?" }.dropFirst()) }
    var json: JSONValue? { try? JSONReader.read(body) }
}

struct StubAnswer: Sendable {
    var status = 200
    var headers: [(String, String)] = []
    var body: [UInt8] = []

    static func json(_ status: Int, _ value: JSONValue, _ headers: [(String, String)] = []) -> StubAnswer {
        StubAnswer(status: status, headers: [("Content-Type", "application/json")] + headers, body: value.bytes)
    }

    static func text(_ status: Int, _ text: String) -> StubAnswer {
        StubAnswer(status: status, headers: [("Content-Type", "text/plain")], body: Array(text.utf8))
    }
}
