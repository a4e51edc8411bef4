import JobModel
import ToolServer

@testable import JobAPI

/// Messages of the Model Context Protocol over raw HTTP, as a careful client sends them, or wrongly.
enum MCP {
    static let version = "io.modelcontextprotocol/protocolVersion"
    static let capabilities = "io.modelcontextprotocol/clientCapabilities"
    static let tasks: JSONValue = ["extensions": ["io.modelcontextprotocol/tasks": [:]]]

    static func tools(_ settings: inout JobServerSettings) { settings.tools = ToolServer(version: "test") }

    static func meta(_ version: String = "2026-07-28", capabilities: JSONValue = [:], _ more: [String: JSONValue] = [:]) -> JSONValue {
        .object([MCP.version: .string(version), MCP.capabilities: capabilities].merging(more) { $1 })
    }

    static func message(_ method: String, id: JSONValue? = 1, _ params: JSONValue? = nil) -> JSONValue {
        var members: [String: JSONValue] = ["jsonrpc": "2.0", "method": .string(method)]
        members["id"] = id
        members["params"] = params
        return .object(members)
    }

    static func headers(_ method: String, name: String? = nil, version: String = "2026-07-28") -> [String: String] {
        var headers = ["Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version, "Mcp-Method": method]
        headers["Mcp-Name"] = name
        return headers
    }

    static func call(_ tool: String, _ arguments: JSONValue, meta: JSONValue? = nil) -> JSONValue {
        var params: [String: JSONValue] = ["name": .string(tool), "arguments": arguments]
        params["_meta"] = meta
        return message("tools/call", .object(params))
    }
}

extension RunningAPI {
    /// A modern request as it should be.
    func modern(
        _ method: String, _ params: [String: JSONValue] = [:], name: String? = nil, capabilities: JSONValue = [:],
        _ more: [String: String] = [:]
    ) async throws -> Answer {
        let params = params.merging(["_meta": MCP.meta(capabilities: capabilities)]) { $1 }
        return try await post("/mcp", MCP.message(method, .object(params)), MCP.headers(method, name: name).merging(more) { $1 })
    }

    /// A call in the older era; the result, or the error.
    func tool(_ name: String, _ arguments: JSONValue = [:], _ headers: [String: String] = [:]) async throws -> JSONValue {
        let answer = try await post("/mcp", MCP.call(name, arguments), ["Accept": "application/json"].merging(headers) { $1 })
        return answer.json["result"] ?? answer.json["error"] ?? .null
    }
}

extension JSONValue {
    /// What a tool says to a model.
    var said: String { self["content"]?.array?.first?["text"]?.string ?? "" }
}
