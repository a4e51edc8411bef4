internal import JobModel

/// What a modern request must say of itself, in its `_meta` and again in its headers, so that proxies may route it without reading it.
enum Envelope {
    static let versionKey = "io.modelcontextprotocol/protocolVersion"
    static let capabilitiesKey = "io.modelcontextprotocol/clientCapabilities"

    /// A request that names a modern version is modern, whatever its method.
    static func isModern(_ request: RPCRequest, header: (String) -> String?) -> Bool {
        request.meta[versionKey] != nil || header("MCP-Protocol-Version").map { ProtocolVersion.isModern(trimmed($0)) } ?? false
    }

    static func checkMeta(_ request: RPCRequest) throws(RPCFailure) {
        guard let version = request.meta[versionKey]?.string, request.meta[capabilitiesKey]?.object != nil else {
            throw .invalidParams("params._meta must have \(versionKey) (a string) and \(capabilitiesKey) (an object).", status: 400)
        }
        guard ProtocolVersion.modern.contains(version) else { throw .unsupportedVersion(String(version.prefix(100))) }
    }

    /// Over HTTP, between the two: the version must be the one of the header before it is judged.
    static func checkHeaders(_ request: RPCRequest, header: (String) -> String?) throws(RPCFailure) {
        if let version = request.meta[versionKey]?.string, request.meta[capabilitiesKey]?.object != nil {
            try compare("MCP-Protocol-Version", header, with: version)
        }
        try checkMeta(request)
        try checkAccept(header("Accept"))
        try compare("Mcp-Method", header, with: request.method)
        if let name = name(in: request) { try compare("Mcp-Name", header, with: name) }
    }

    /// What `Mcp-Name` must repeat; nil where it need not be sent.
    private static func name(in request: RPCRequest) -> String? {
        if request.method == "tools/call" { return request.params["name"]?.string }
        return request.method.hasPrefix("tasks/") ? request.params["taskId"]?.string : nil
    }

    private static func compare(_ name: String, _ header: (String) -> String?, with value: String) throws(RPCFailure) {
        guard let given = header(name).map(trimmed) else {
            throw .headerMismatch("The header \(name) is missing; it must be \(value.prefix(200).debugDescription).")
        }
        guard decoded(given) == value else {
            throw .headerMismatch("The header \(name) is not what the body says: \(value.prefix(200).debugDescription).")
        }
    }

    private static func checkAccept(_ given: String?) throws(RPCFailure) {
        let types = (given ?? "").lowercased().split(separator: ",").map { trimmed(String($0.prefix { $0 != ";" })) }
        for wanted in ["application/json", "text/event-stream"] {
            let family = String(wanted.prefix { $0 != "/" }) + "/*"
            guard types.contains(wanted) || types.contains("*/*") || types.contains(family) else {
                throw .headerMismatch("The header Accept must list application/json and text/event-stream.")
            }
        }
    }

    static func accepts(_ given: String?, _ type: String) -> Bool {
        (given ?? "").lowercased().contains(type)
    }

    /// What is not plain visible ASCII comes as `=?base64?…?=`.
    static func decoded(_ value: String) -> String? {
        guard value.hasPrefix("=?base64?"), value.hasSuffix("?="), value.utf8.count >= 11 else { return value }
        return Base64.decode(String(value.dropFirst(9).dropLast(2))).flatMap { String(validating: $0, as: UTF8.self) }
    }

    static func trimmed(_ text: String) -> String {
        let space: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(text.drop(while: space).reversed().drop(while: space).reversed())
    }
}
