import JobModel
import Testing

@testable import TidewheelClient

struct ServerEventTests {
    private static let stream =
        "\u{FEFF}retry: 2000\nid: 1\nevent: queued\ndata: {\"a\":1}\n\n:keep\n\nid: 2\r\nevent: log\r\ndata: one\r\ndata: two\r\n\r\n"
        + "event: token\rdata:x\r\rdata\n\nevent: nothing\n\nid: 4\ndata: cut off"

    private static let events = [
        ServerEvent(id: "1", isNumbered: true, name: "queued", data: "{\"a\":1}"),
        ServerEvent(id: "2", isNumbered: true, name: "log", data: "one\ntwo"),
        ServerEvent(id: "2", isNumbered: false, name: "token", data: "x"),
        ServerEvent(id: "2", isNumbered: false, name: "message", data: ""),
    ]

    @Test func readsFieldsCommentsAndEveryLineEnd() throws {
        var reader = ServerEventReader()
        #expect(try reader.received(Array(Self.stream.utf8)) == Self.events)
        #expect(reader.retry == .seconds(2))
    }

    @Test func readsAStreamCutAnywhere() throws {
        let bytes = Array(Self.stream.utf8)
        for size in 1...bytes.count {
            var reader = ServerEventReader()
            var events: [ServerEvent] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                events += try reader.received(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(events == Self.events, "in pieces of \(size)")
        }
    }
}

struct ClientValueTests {
    @Test(arguments: ["", "localhost:8080", "ftp://x", "http://", "http://a b", "http://user@host", "http://x/?a=1", "http://x/#y"])
    func refusesWhatIsNoAddress(_ url: String) {
        #expect(throws: TidewheelError.self) { try TidewheelClient(url: url) }
    }

    @Test func takesAPathInFrontAndNoSlashBehind() throws {
        #expect(try TidewheelClient(url: "https://example.com/tide//").url == "https://example.com/tide")
    }

    @Test func aKeyThatWouldBreakTheHeaderIsRefused() {
        #expect(throws: TidewheelError.self) { try TidewheelClient(url: "http://x", apiKey: "twk_a\r\nHost: b") }
        #expect(throws: TidewheelError.self) { try TidewheelClient(url: "http://x", apiKey: "") }
    }

    @Test func pausesDoubleToABoundAndEndWithPatience() {
        let start = ContinuousClock.now
        var backoff = Backoff(patience: .seconds(1), first: .milliseconds(100))
        #expect(backoff.pause(now: start)! <= .milliseconds(100))
        #expect(backoff.pause(atLeast: .milliseconds(500), now: start)! >= .milliseconds(500))
        #expect(backoff.pause(atLeast: .seconds(2), now: start) == nil)
        #expect(backoff.pause(now: start + .seconds(2)) == nil)
        backoff.succeeded()
        #expect(backoff.pause(now: start + .seconds(2))! <= .milliseconds(100))
        var endless = Backoff(patience: nil)
        for _ in 0..<40 { #expect(endless.pause()! <= Backoff.longest) }
    }

    @Test func jsonComesThroughCodableUnchanged() throws {
        let null = JSON(JSONValue.null)
        let json: JSON = ["a": [1, 2.5, "x", true], "big": 9_007_199_254_740_993, "o": ["n": null]]
        #expect(try JSON(encoding: json) == json)
        #expect(try json.decoded(as: JSON.self) == json)
        struct Box: Codable { let inner: JSON }
        let box = try JSON(encoding: Box(inner: json))
        #expect(try box.decoded(as: Box.self).inner == json)
        #expect(box["inner"]?["o"]?["n"] == nil)
    }

    @Test func aSubmissionSaysWhatTheRouteTakes() {
        var options = JobOptions()
        options.priority = .high
        options.start = .after(.milliseconds(1500))
        options.timeout = .seconds(90)
        options.tags = ["a"]
        options.unique = .window(key: "k", .seconds(60))
        let members = Submission("note", input: ["text": "x"], options: options).members
        let expected: [String: JSON] = [
            "kind": "note", "input": ["text": "x"], "priority": "high", "delay": 1.5, "timeout": 90, "tags": ["a"],
            "unique": ["key": "k", "window_seconds": 60],
        ]
        #expect(members == expected)
    }

    @Test func aProblemIsReadWithItsFaults() {
        let body = ##"""
            {"type":"urn:tidewheel:problem:invalid-input","title":"T","status":422,"detail":"Mend it.","request_id":"r",
             "errors":[{"detail":"is required","pointer":"#/input/url"}]}
            """##
        let problem = TidewheelError.Problem(APIAnswer(status: 422, headers: [("retry-after", "7")], body: Array(body.utf8)))
        #expect(problem.type == "invalid-input")
        #expect(problem.faults == [.init(detail: "is required", place: "#/input/url")])
        #expect(problem.retryAfter == .seconds(7))
        #expect("\(TidewheelError.problem(problem))" == "Mend it.\n  #/input/url is required")
        let page = TidewheelError.Problem(APIAnswer(status: 502, headers: [], body: Array("<html>".utf8)))
        #expect(page.type.isEmpty && "\(page)".contains("502"))
    }

    @Test func namesInPathsAndQueriesAreEncoded() {
        #expect(percentEncoded("a b/ü&=~") == "a%20b%2F%C3%BC%26%3D~")
    }
}
