import JobModel
import Testing

@testable import JobAPI

/// What a stranger or a broken program may send: each gets a clear answer, and the server goes on.
@Suite(.timeLimit(.minutes(1))) struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let body: String
        let status: Int
        let problem: String
        var pointer: String?
        var testDescription: String { String(body.prefix(60)) }
    }

    static let cases = [
        Case(body: #"{"kind":"juggling"}"#, status: 422, problem: "unknown-kind", pointer: "#/kind"),
        Case(body: #"{"input":{"url":"https://a.b"}}"#, status: 422, problem: "invalid-input", pointer: "#/kind"),
        Case(body: #"{"kind":7}"#, status: 422, problem: "invalid-input", pointer: "#/kind"),
        Case(body: #"{"kind":"web_crawl","input":[]}"#, status: 422, problem: "invalid-input", pointer: "#/input"),
        Case(body: #"{"kind":"web_crawl","input":{}}"#, status: 422, problem: "invalid-input", pointer: "#/input/url"),
        Case(
            body: #"{"kind":"web_crawl","input":{"url":"https://a.b","max_pages":"5"}}"#, status: 422, problem: "invalid-input",
            pointer: "#/input/max_pages"),
        Case(
            body: #"{"kind":"web_crawl","input":{"url":"https://a.b","max_pages":1e19}}"#, status: 422, problem: "invalid-input",
            pointer: "#/input/max_pages"),
        Case(
            body: #"{"kind":"web_crawl","input":{"url":"https://a.b","depth":1}}"#, status: 422, problem: "invalid-input",
            pointer: "#/input/depth"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"colour":1}"#, status: 422, problem: "invalid-input", pointer: "#/colour"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"queue":"none"}"#, status: 422, problem: "invalid-input", pointer: "#/queue"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"priority":"now"}"#, status: 422, problem: "invalid-input", pointer: "#/priority"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"delay":-1}"#, status: 422, problem: "invalid-input", pointer: "#/delay"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"delay":1e300}"#, status: 422, problem: "invalid-input", pointer: "#/delay"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"run_at":"tomorrow"}"#, status: 422, problem: "invalid-input", pointer: "#/run_at"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"run_at":"2999-01-01T00:00:00Z"}"#, status: 422, problem: "invalid-input",
            pointer: "#/run_at"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"delay":1,"run_at":"2026-01-01T00:00:00Z"}"#, status: 422, problem: "invalid-input",
            pointer: "#/run_at"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"timeout":0}"#, status: 422, problem: "invalid-input", pointer: "#/timeout"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"max_attempts":0}"#, status: 422, problem: "invalid-input",
            pointer: "#/max_attempts"),
        Case(body: #"{"kind":"note","input":{"text":"t"},"tags":["a",1]}"#, status: 422, problem: "invalid-input", pointer: "#/tags"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"metadata":{"m":"\#(String(repeating: "x", count: 17_000))"}}"#, status: 422,
            problem: "invalid-input", pointer: "#/metadata"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"backoff":{"base_seconds":0}}"#, status: 422, problem: "invalid-input",
            pointer: "#/backoff/base_seconds"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"backoff":{"base_seconds":9,"cap_seconds":2}}"#, status: 422,
            problem: "invalid-input", pointer: "#/backoff/cap_seconds"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"backoff":{"base_seconds":9,"jitter":2}}"#, status: 422,
            problem: "invalid-input", pointer: "#/backoff/jitter"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"unique":{"key":"k"}}"#, status: 422, problem: "invalid-input",
            pointer: "#/unique"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"unique":{"key":"k","while":"active","window_seconds":5}}"#, status: 422,
            problem: "invalid-input", pointer: "#/unique"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"unique":{"while":"active"}}"#, status: 422, problem: "invalid-input",
            pointer: "#/unique/key"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"concurrency_key":"two words"}"#, status: 422, problem: "invalid-input",
            pointer: "#/concurrency_key"),
        Case(
            body: #"{"kind":"note","input":{"text":"t"},"concurrency_key":"*"}"#, status: 422, problem: "invalid-input",
            pointer: "#/concurrency_key"),
        Case(body: "[]", status: 422, problem: "invalid-input", pointer: "#"),
        Case(body: "{", status: 400, problem: "invalid-json"),
        Case(body: #"{"kind":"note","kind":"note"}"#, status: 400, problem: "invalid-json"),
        Case(body: #"{"kind":"note","input":{"text":"a\u0000b"}}"#, status: 400, problem: "invalid-json"),
        Case(body: String(repeating: "[", count: 200) + String(repeating: "]", count: 200), status: 400, problem: "invalid-json"),
        Case(body: "", status: 400, problem: "empty-body"),
    ]

    @Test func everyBadBodyIsRefusedWithItsReason() async throws {
        try await withAPI { api in
            for bad in BadInputTests.cases {
                let answer = try await api.post("/jobs", text: bad.body)
                #expect(answer.status == bad.status, "\(bad.testDescription)")
                #expect(answer.problem == bad.problem, "\(bad.testDescription)")
                #expect(answer.headers["content-type"] == "application/problem+json")
                #expect(answer.json["status"] == .integer(Int64(bad.status)))
                #expect(answer.json["errors"]?.array?.first?["pointer"]?.string == bad.pointer, "\(bad.testDescription)")
            }
            #expect(try await api.post("/jobs", RunningAPI.crawl).status == 202)
        }
    }

    @Test func anErrorInJSONIsToldWithItsPlace() async throws {
        try await withAPI { api in
            let answer = try await api.post("/jobs", text: "{\n  \"kind\" \"note\"\n}")
            #expect(answer.json["detail"]?.string?.contains("line 2, column 10") == true)
            #expect(answer.json["offset"] == 11)
        }
    }

    @Test func invalidUTF8IsRefused() async throws {
        try await withAPI { api in
            let body = Array(#"{"kind":""#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8)
            let answer = try await api.send("POST", "/jobs", ["Content-Type": "application/json"], body: body)
            #expect(answer.status == 400)
            #expect(answer.json["detail"]?.string?.contains("UTF-8") == true)
        }
    }

    @Test func severalFaultsAreToldAtOnce() async throws {
        try await withAPI { api in
            let answer = try await api.post("/jobs", ["kind": "web_crawl", "input": ["url": "x", "max_pages": 0, "q": 1]])
            #expect(
                answer.json["errors"]?.array?.compactMap { $0["pointer"]?.string } == ["#/input/q", "#/input/url", "#/input/max_pages"])
        }
    }

    @Test(arguments: [
        "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "multipart/form-data; boundary=x",
    ])
    func onlyJSONIsRead(type: String) async throws {
        try await withAPI { (api) async throws in
            let answer = try await api.post("/jobs", text: RunningAPI.crawl.serialized, ["Content-Type": type])
            #expect(answer.status == 415)
            #expect(answer.problem == "wrong-content-type")
        }
    }

    @Test func compressedBodiesAreNotRead() async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.post("/jobs", RunningAPI.crawl, ["Content-Encoding": "gzip"]).status == 415)
            #expect(try await api.post("/jobs", RunningAPI.crawl, ["Content-Type": "application/json; charset=UTF-8"]).status == 202)
        }
    }

    @Test func aBodyOfTenMegabytesIsRefusedBeforeItIsRead() async throws {
        try await withAPI { api in
            let connection = try await RawConnection.open(api.port)
            let headers = ["Content-Type": "application/json", "Content-Length": "10000000"]
            try await connection.send(RunningAPI.head("POST", "/jobs", headers))
            #expect(try await connection.head().status == 413)
        }
    }

    @Test func aChunkedBodyIsCountedAndTheConnectionStaysGood() async throws {
        try await withAPI { api in
            let connection = try await RawConnection.open(api.port)
            try await connection.send(
                RunningAPI.head("POST", "/jobs", ["Content-Type": "application/json", "Transfer-Encoding": "chunked"]))
            let chunk = "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n"
            for _ in 0..<20 { try await connection.send(chunk) }
            let head = try await connection.head()
            #expect(head.status == 413)
            _ = try await connection.body(head.headers)
            try await connection.send("0\r\n\r\n" + RunningAPI.head("GET", "/livez"))
            #expect(try await connection.head().status == 200)
        }
    }

    @Test(arguments: ["nonsense\r\n\r\n", "GET /livez HTTP/1.1\r\nX-Long: \(String(repeating: "x", count: 40_000))\r\n\r\n"])
    func whatIsNoHTTPIsToldSo(text: String) async throws {
        try await withAPI { api in
            let connection = try await RawConnection.open(api.port)
            try await connection.send(text)
            let head = try await connection.head()
            #expect(head.status == 400)
            #expect(head.headers["content-type"] == "application/problem+json")
            let problem = try JSONReader.read(try await connection.body(head.headers))
            #expect(problem["type"] == "urn:tidewheel:problem:not-http")
            #expect(problem["request_id"]?.string == head.headers["x-request-id"])
            await connection.waitForClose()
        }
    }

    @Test func unknownRoutesAndMethodsAreProblems() async throws {
        try await withAPI { api in
            let nowhere = try await api.get("/nowhere")
            #expect(nowhere.status == 404)
            #expect(nowhere.problem == "unknown-route")
            let wrong = try await api.send("DELETE", "/jobs/\(JobID())")
            #expect(wrong.status == 405)
            #expect(wrong.headers["allow"] == "GET, HEAD")
            #expect(try await api.get("/uploads").headers["allow"] == "POST")
        }
    }

    @Test(arguments: ["1", "../../etc/passwd", "%00", "01A1FD4B-D969-7049-9E2C-26834AB87B9D", "01a1fd4b-d969-4049-9e2c-26834ab87b9d"])
    func idsThatAreNotOursAreUnknownJobs(id: String) async throws {
        try await withAPI { (api) async throws in
            for path in ["/jobs/\(id)", "/jobs/\(id)/events", "/jobs/\(id)/result"] { #expect(try await api.get(path).status == 404) }
        }
    }

    @Test func everyAnswerHasARequestIDAndSecurityHeaders() async throws {
        try await withAPI { api in
            let given = try await api.get("/livez", ["X-Request-ID": "abc-1"])
            #expect(given.headers["x-request-id"] == "abc-1")
            let problem = try await api.get("/nowhere", ["X-Request-ID": "spaces are refused"])
            #expect(problem.headers["x-request-id"] != "spaces are refused")
            #expect(problem.json["request_id"]?.string == problem.headers["x-request-id"])
            #expect(problem.headers["x-content-type-options"] == "nosniff")
            #expect(problem.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
        }
    }
}
