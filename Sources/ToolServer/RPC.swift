internal import JobModel

/// JSON-RPC 2.0 as the Model Context Protocol speaks it: one message, and what is wrong with one.
struct RPCRequest: Sendable {
    /// A string or an integer, echoed as it came; nil for a notification.
    let id: JSONValue?
    let method: String
    let params: [String: JSONValue]

    var meta: [String: JSONValue] { params["_meta"]?.object ?? [:] }

    /// What a client may wait for while a tool does: the token that it wants progress under.
    var progressToken: JSONValue? {
        guard let token = meta["progressToken"], token.string != nil || RPCMessage.isInteger(token) else { return nil }
        return token
    }
}

enum RPCMessage: Sendable {
    case request(RPCRequest)
    /// An answer of the client's: to nothing that this server asks.
    case response

    init(_ value: JSONValue) throws(RPCFailure) {
        guard let members = value.object else { throw .invalidRequest("A message is one JSON object; batches are not taken.") }
        let id = try RPCMessage.id(members["id"])
        guard members["jsonrpc"] == "2.0" else { throw .invalidRequest("jsonrpc must be \"2.0\".").answering(id) }
        guard let method = members["method"]?.string else {
            guard members["method"] == nil, members["result"] != nil || members["error"] != nil else {
                throw .invalidRequest("method must be a string.").answering(id)
            }
            self = .response
            return
        }
        let params = members["params"] ?? [:]
        guard let params = params.object else { throw .invalidParams("params must be an object.", status: 400).answering(id) }
        self = .request(RPCRequest(id: id, method: method, params: params))
    }

    private static func id(_ value: JSONValue?) throws(RPCFailure) -> JSONValue? {
        guard let value else { return nil }
        guard value.string != nil || isInteger(value) else { throw .invalidRequest("id must be a string or a whole number.") }
        return value
    }

    static func isInteger(_ value: JSONValue) -> Bool {
        if case .integer = value { true } else { false }
    }
}

/// Why a message has no result. The one table of codes, and of the HTTP statuses they come with.
struct RPCFailure: Error, Sendable {
    let code: Int64
    let status: Int
    let message: String
    var data: JSONValue?
    var id: JSONValue?
    var headers: [String: String] = [:]

    private init(_ code: Int64, _ status: Int, _ message: String, data: JSONValue? = nil) {
        self.code = code
        self.status = status
        self.message = message
        self.data = data
    }

    static func notJSON(_ error: JSONError) -> RPCFailure {
        RPCFailure(-32700, 400, "The message is not acceptable JSON: \(error.reason), at byte \(error.offset).")
    }

    static func invalidRequest(_ detail: String) -> RPCFailure { RPCFailure(-32600, 400, detail) }

    /// 404 in the modern era; a client of the older one would take that for the end of its session.
    static func unknownMethod(_ method: String, isModern: Bool) -> RPCFailure {
        RPCFailure(-32601, isModern ? 404 : 200, "There is no method \(method.prefix(100).debugDescription) here.")
    }

    static func invalidParams(_ detail: String, status: Int = 200, data: JSONValue? = nil) -> RPCFailure {
        RPCFailure(-32602, status, detail, data: data)
    }

    static func headerMismatch(_ detail: String) -> RPCFailure { RPCFailure(-32020, 400, detail) }

    static func missingCapability(_ detail: String, _ required: JSONValue) -> RPCFailure {
        RPCFailure(-32021, 400, detail, data: ["requiredCapabilities": required])
    }

    static func unsupportedVersion(_ requested: String) -> RPCFailure {
        RPCFailure(
            -32022, 400, "This protocol version is not supported.",
            data: ["requested": .string(requested), "supported": .array(ProtocolVersion.modern.map(JSONValue.string))])
    }

    static func internalFault(_ detail: String, status: Int = 200) -> RPCFailure { RPCFailure(-32603, status, detail) }

    func answering(_ id: JSONValue?) -> RPCFailure {
        var copy = self
        copy.id = id
        return copy
    }

    /// Without an id where none could be read: the schema has no null.
    var document: JSONValue {
        var error: [String: JSONValue] = ["code": .integer(code), "message": .string(message)]
        error["data"] = data
        var document: [String: JSONValue] = ["jsonrpc": "2.0", "error": .object(error)]
        document["id"] = id
        return .object(document)
    }
}

/// Versions of the protocol: dates, of which later ones are greater.
enum ProtocolVersion {
    static let modern = ["2026-07-28"]
    /// Newest first.
    static let legacy = ["2025-11-25", "2025-06-18"]
    /// Older clients say this, or nothing, after they have agreed on another one.
    static let assumed = "2025-03-26"

    static func isModern(_ text: String) -> Bool {
        let isDate =
            text.utf8.count == 10 && text.utf8.enumerated().allSatisfy { $0 == 4 || $0 == 7 ? $1 == 0x2d : (0x30...0x39).contains($1) }
        return isDate && text >= modern[0]
    }
}
