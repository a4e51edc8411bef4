import JobModel
import Synchronization
import WebFetch

/// A client as a careful service has one: an Idempotency-Key for each request, and the same request again until somebody answers.
struct Door: Sendable {
    struct Answer: Sendable {
        let status: Int
        let body: JSONValue
        /// Last word of a problem's type.
        var problem: String? { body["type"]?.string?.split(separator: ":").last.map(String.init) }
    }

    struct Refused: Error { let answer: Answer }

    let apis: [Member]
    let book: Book
    private let fetcher = Fetcher(guard: nil, userAgent: "fault-tests", maxConnectionsPerHost: 32)

    init(_ apis: [Member], book: Book) {
        self.apis = apis
        self.book = book
    }

    /// One try at any API that listens; nil when the request got no answer.
    func send(_ method: String, _ path: String, _ body: JSONValue? = nil, key: String? = nil, within limit: Duration = .seconds(6)) async
        -> Answer?
    {
        guard let address = apis.compactMap(\.address).randomElement() else { return nil }
        var request = FetchRequest(method: method, url: address + path, body: body?.bytes)
        request.limits.totalTimeout = limit
        if body != nil { request.headers.append(("Content-Type", "application/json")) }
        if let key { request.headers.append(("Idempotency-Key", key)) }
        guard let response = try? await fetcher.fetch(request), let bytes = try? await response.body.collect() else { return nil }
        return Answer(status: response.status, body: (try? JSONReader.read(bytes, depth: 128)) ?? .null)
    }

    /// The same request until it is done. Refusals and lost answers are counted in the book; one that says that the request is wrong is thrown.
    @discardableResult
    func insist(_ method: String, _ path: String, _ body: JSONValue? = nil, key: String? = nil) async throws -> Answer {
        while true {
            let answer = await send(method, path, body, key: key)
            if let answer, answer.status < 300 { return answer }
            book.count(refusal: answer.map { $0.problem ?? "\($0.status)" } ?? "no answer")
            if let answer, answer.status < 500 { throw Refused(answer: answer) }
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...200)))
        }
    }

    /// The job's id, once somebody has accepted it.
    func submit(_ order: Order, key: String) async throws -> String {
        let answer = try await insist("POST", "/jobs", order.body, key: key)
        guard let id = answer.body["job_id"]?.string else { throw Refused(answer: answer) }
        return id
    }

    /// The state that is shown, or nil when nobody can tell now; `gone` for a job that is unknown.
    func state(of id: String) async -> String? {
        guard let answer = await send("GET", "/jobs/\(id)") else { return nil }
        return answer.status == 404 ? "gone" : answer.body["status"]?.string
    }

    /// Names and numbers of a job's events, to their end.
    func events(of id: String) async -> [(number: Int?, name: String, data: JSONValue)]? {
        guard let address = apis.compactMap(\.address).randomElement() else { return nil }
        var request = FetchRequest(url: address + "/jobs/\(id)/events")
        request.limits.totalTimeout = .seconds(20)
        guard let response = try? await fetcher.fetch(request), response.status == 200, let bytes = try? await response.body.collect()
        else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n\n").compactMap { block in
            var members: [Substring: Substring] = [:]
            for line in block.split(separator: "\n") {
                guard let colon = line.firstIndex(of: ":") else { continue }
                members[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " }
            }
            guard let name = members["event"] else { return nil }
            let data = (try? JSONReader.read(String(members["data"] ?? ""), depth: 128)) ?? .null
            return (members["id"].flatMap { Int($0) }, String(name), data)
        }
    }
}
