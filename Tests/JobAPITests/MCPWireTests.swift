import JobModel
import TestServers
import Testing

@testable import JobAPI

/// Codes and statuses of the protocol, each by raw HTTP.
@Suite(.timeLimit(.minutes(1))) struct MCPWireTests {
    struct Wrong: Sendable {
        let what: String
        let body: String
        var headers: [String: String] = [:]
        let status: Int
        let code: Int
        var id: JSONValue? = 7
    }

    private static func modern(_ method: String, _ params: JSONValue) -> String { MCP.message(method, id: 7, params).serialized }

    static let wrong: [Wrong] = [
        Wrong(what: "no JSON", body: "{", status: 400, code: -32700, id: nil),
        Wrong(what: "a member twice", body: "{\"a\":1,\"a\":2}", status: 400, code: -32700, id: nil),
        Wrong(what: "a batch", body: "[{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}]", status: 400, code: -32600, id: nil),
        Wrong(what: "no version", body: "{\"id\":7,\"method\":\"ping\"}", status: 400, code: -32600),
        Wrong(what: "no method", body: "{\"jsonrpc\":\"2.0\",\"id\":7}", status: 400, code: -32600),
        Wrong(what: "a null id", body: "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", status: 400, code: -32600, id: nil),
        Wrong(
            what: "an id with a fraction", body: "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", status: 400, code: -32600, id: nil),
        Wrong(
            what: "params that are no object", body: "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"params\":[]}", status: 400,
            code: -32602),
        Wrong(what: "an older unknown method", body: MCP.message("nothing", id: 7).serialized, status: 200, code: -32601),
        Wrong(
            what: "an unsupported older version", body: MCP.message("ping", id: 7).serialized,
            headers: ["MCP-Protocol-Version": "2024-01-01"],
            status: 400, code: -32602),
        Wrong(what: "initialize without a version", body: MCP.message("initialize", id: 7, [:]).serialized, status: 200, code: -32602),
        Wrong(what: "an unknown cursor", body: MCP.message("tools/list", id: 7, ["cursor": "x"]).serialized, status: 200, code: -32602),
        Wrong(what: "an unknown tool", body: MCP.message("tools/call", id: 7, ["name": "teapot"]).serialized, status: 200, code: -32602),
        Wrong(
            what: "no _meta", body: modern("tools/list", [:]), headers: MCP.headers("tools/list"), status: 400, code: -32602),
        Wrong(
            what: "no capabilities", body: modern("tools/list", ["_meta": .object([MCP.version: "2026-07-28"])]),
            headers: MCP.headers("tools/list"), status: 400, code: -32602),
        Wrong(
            what: "no version in _meta", body: modern("tools/list", ["_meta": .object([MCP.capabilities: [:]])]),
            headers: MCP.headers("tools/list"), status: 400, code: -32602),
        Wrong(
            what: "an unsupported version", body: modern("tools/list", ["_meta": MCP.meta("v999.0.0")]),
            headers: MCP.headers("tools/list", version: "v999.0.0"), status: 400, code: -32022),
        Wrong(
            what: "another version in the header", body: modern("tools/list", ["_meta": MCP.meta("v999.0.0")]),
            headers: MCP.headers("tools/list"), status: 400, code: -32020),
        Wrong(
            what: "no version in the header", body: modern("tools/list", ["_meta": MCP.meta()]),
            headers: ["Accept": "application/json, text/event-stream", "Mcp-Method": "tools/list"], status: 400, code: -32020),
        Wrong(
            what: "another method in the header", body: modern("tools/list", ["_meta": MCP.meta()]), headers: MCP.headers("tools/call"),
            status: 400, code: -32020),
        Wrong(
            what: "a method in capitals", body: modern("tools/list", ["_meta": MCP.meta()]), headers: MCP.headers("TOOLS/LIST"),
            status: 400,
            code: -32020),
        Wrong(
            what: "no name in the header", body: modern("tools/call", ["name": "list_jobs", "_meta": MCP.meta()]),
            headers: MCP.headers("tools/call"), status: 400, code: -32020),
        Wrong(
            what: "another spelling of the name", body: modern("tools/call", ["name": "list_jobs", "_meta": MCP.meta()]),
            headers: MCP.headers("tools/call", name: "list-jobs"), status: 400, code: -32020),
        Wrong(
            what: "no stream is accepted", body: modern("tools/list", ["_meta": MCP.meta()]),
            headers: MCP.headers("tools/list").merging(["Accept": "application/json"]) { $1 }, status: 400, code: -32020),
        Wrong(
            what: "an unknown modern tool", body: modern("tools/call", ["name": "teapot", "_meta": MCP.meta()]),
            headers: MCP.headers("tools/call", name: "teapot"), status: 200, code: -32602),
        Wrong(
            what: "a task without the extension", body: modern("tasks/get", ["taskId": "x", "_meta": MCP.meta()]),
            headers: MCP.headers("tasks/get", name: "x"), status: 400, code: -32021),
        Wrong(
            what: "an unknown task", body: modern("tasks/get", ["taskId": "x", "_meta": MCP.meta(capabilities: MCP.tasks)]),
            headers: MCP.headers("tasks/get", name: "x"), status: 200, code: -32602),
    ]

    @Test func everythingThatIsWrongHasItsCodeAndStatus() async throws {
        try await withAPI(MCP.tools) { api in
            for wrong in Self.wrong {
                let answer = try await api.post("/mcp", text: wrong.body, wrong.headers)
                #expect(answer.status == wrong.status, "\(wrong.what)")
                #expect(answer.json["error"]?["code"]?.integer == wrong.code, "\(wrong.what): \(answer.json)")
                #expect(answer.json["id"] == wrong.id, "\(wrong.what)")
                #expect(answer.json["error"]?["message"]?.string?.isEmpty == false)
            }
        }
    }

    @Test(arguments: [
        "initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "unknown/method", "tasks/list",
        "tasks/result", "prompts/list", "resources/list", "subscriptions/listen",
    ])
    func methodsThatAreNotThereAreNotFound(method: String) async throws {
        try await withAPI(MCP.tools) { api in
            let answer = try await api.modern(method, capabilities: MCP.tasks)
            #expect(answer.status == 404 && answer.json["error"]?["code"] == -32601 && answer.json["id"] == 1)
        }
    }

    @Test func errorsSayWhatIsSupported() async throws {
        try await withAPI(MCP.tools) { api in
            let version = try await api.post(
                "/mcp", MCP.message("tools/list", ["_meta": MCP.meta("v999.0.0")]), MCP.headers("tools/list", version: "v999.0.0"))
            #expect(version.json["error"]?["data"] == ["requested": "v999.0.0", "supported": ["2026-07-28"]])
            let task = try await api.modern("tasks/cancel", ["taskId": "x"], name: "x")
            #expect(task.json["error"]?["data"] == ["requiredCapabilities": MCP.tasks])
        }
    }

    @Test func theModernEraNeedsNoHandshake() async throws {
        try await withAPI(MCP.tools) { api in
            let found = try await api.modern("server/discover").json["result"]
            #expect(found?["supportedVersions"] == ["2026-07-28"] && found?["resultType"] == "complete" && found?["cacheScope"] == "public")
            #expect(found?["_meta"]?["io.modelcontextprotocol/serverInfo"]?["name"] == "tidewheel")
            let list = try await api.modern("tools/list", [:], ["Mcp-Session-Id": "ignored", "Last-Event-ID": "4"])
            #expect(list.status == 200 && list.json["result"]?["ttlMs"]?.integer != nil && list.headers["mcp-session-id"] == nil)
            let call = try await api.modern("tools/call", ["name": "list-jobs"], name: "list-jobs").json["result"]
            #expect(call?["isError"] == false && call?["resultType"] == "complete" && call?["structuredContent"]?["count"] == 0)
            // A name that is not plain is sent encoded, here one that need not have been.
            let encoded = try await api.modern(
                "tools/call", ["name": "list_jobs"], name: "=?base64?\(Base64.encode(Array("list_jobs".utf8)))?=")
            #expect(encoded.json["result"]?["isError"] == false)
        }
    }

    @Test(arguments: [0, -3, "seven", 9_007_199_254_740_991] as [JSONValue])
    func idsAreEchoedAsTheyCame(id: JSONValue) async throws {
        try await withAPI(MCP.tools) { api in
            let answer = try await api.post("/mcp", MCP.message("ping", id: id))
            #expect(answer.json == ["jsonrpc": "2.0", "id": id, "result": [:]])
        }
    }

    @Test func theOlderEraBeginsWithAHandshake() async throws {
        try await withAPI(MCP.tools) { api in
            for (asked, agreed) in [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")] {
                let answer = try await api.post(
                    "/mcp", MCP.message("initialize", id: 0, ["protocolVersion": .string(asked), "capabilities": [:]]))
                #expect(answer.json["result"]?["protocolVersion"]?.string == agreed && answer.headers["mcp-session-id"] == nil)
                #expect(answer.json["result"]?["resultType"] == nil)
            }
            for message in [MCP.message("notifications/initialized", id: nil), ["jsonrpc": "2.0", "id": 1, "result": [:]]] {
                let answer = try await api.post("/mcp", message)
                #expect(answer.status == 202 && answer.body.isEmpty)
            }
            let cancelled = try await api.post("/mcp", MCP.message("notifications/cancelled", id: nil, ["requestId": 1]))
            #expect(cancelled.status == 202)
            for version in ["2025-11-25", "2025-06-18", "2025-03-26"] {
                #expect(try await api.post("/mcp", MCP.message("tools/list"), ["MCP-Protocol-Version": version]).status == 200)
            }
        }
    }

    @Test func onlyPostIsThere() async throws {
        try await withAPI(MCP.tools) { api in
            for method in ["GET", "DELETE"] {
                let answer = try await api.send(method, "/mcp", ["Accept": "text/event-stream"])
                #expect(answer.status == 405 && answer.headers["allow"] == "POST")
            }
            #expect(try await api.send("POST", "/mcp", ["Content-Type": "text/plain"], body: [0x7b, 0x7d]).status == 415)
            let large =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\(String(repeating: "x", count: 1 << 20))\"}}"
            let refused = try await api.post("/mcp", text: large)
            #expect(refused.status == 413 && refused.json["limit_bytes"] == 1_048_576)
        }
    }

    @Test(arguments: [CallerRule.loopback, .open, .required])
    func pagesOfOtherOriginsAreRefused(rule: CallerRule) async throws {
        try await withAPI {
            MCP.tools(&$0)
            $0.callers = rule
        } _: { (api) async throws in
            let key = rule == .required ? try await api.key([.read]) : [:]
            let foreign = key.merging(["Origin": "http://evil.example.com"]) { $1 }
            #expect(try await api.post("/mcp", MCP.message("ping"), foreign).status == 403)
            #expect(try await api.post("/mcp/list_jobs", [:], foreign).status == 403)
            let rebound = key.merging(["Origin": "http://evil.example.com", "Host": "evil.example.com"]) { $1 }
            if rule == .loopback { #expect((400..<500).contains(try await api.post("/mcp", MCP.message("ping"), rebound).status)) }
            let own = key.merging(["Origin": "http://localhost"]) { $1 }
            #expect(try await api.post("/mcp", MCP.message("ping"), own).status == 200)
        }
    }

    @Test func messagesThatComeTogetherAreAnsweredEach() async throws {
        try await withAPI(MCP.tools) { api in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 { group.addTask { try await api.modern("tools/list").status } }
                for try await status in group { #expect(status == 200) }
            }
        }
    }
}
