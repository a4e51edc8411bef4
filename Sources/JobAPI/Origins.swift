internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore

/// Without keys whoever reaches the API may do everything, and every web page that a browser shows reaches the loopback of its machine.
/// Such pages are told by what browsers say of themselves: `Host` (a name that was bound to 127.0.0.1 afterwards is a foreign one) and `Origin`.
enum Origins {
    /// RFC 9112, 3.2: one `Host`, and not an empty one.
    static func host(of request: Request) throws(Problem) -> String {
        guard let host = request.head.authority, !host.isEmpty, request.headers[named: "Host"] == nil else {
            throw .badHeader("Host", "must be sent once, and not empty")
        }
        return host.lowercased()
    }

    /// Loopback answers to its own names only.
    static func requireLoopback(_ host: String) throws(Problem) {
        guard Loopback.contains(name(of: host)) else { throw .foreignHost }
    }

    /// A change is made by programs, which send no `Origin`, and by pages that came from here.
    static func refuseForeignPages(_ request: Request, host: String) throws(Problem) {
        guard request.method != .get, request.method != .head else { return }
        if let site = request.headers[named: "Sec-Fetch-Site"]?.lowercased(), site != "same-origin", site != "none" { throw .foreignOrigin }
        guard let origin = request.headers[named: "Origin"]?.lowercased() else { return }
        guard origin == "http://\(host)" || origin == "https://\(host)" else { throw .foreignOrigin }
    }

    /// A page may open a WebSocket to anybody and read what comes: the server must look, whoever may ask.
    static func refuseForeignSocket(_ request: Request) throws(Problem) {
        let host = try host(of: request)
        guard request.headers[values: .origin].allSatisfy({ ["http://\(host)", "https://\(host)"].contains($0.lowercased()) }) else {
            throw .foreignOrigin
        }
    }

    /// Without port and brackets.
    private static func name(of host: String) -> String {
        if host.hasPrefix("[") { return String(host.dropFirst().prefix { $0 != "]" }) }
        return String(host.prefix { $0 != ":" })
    }
}

/// What never leaves this machine. Names are compared, not resolved: whoever answers for a name may change his mind.
package enum Loopback {
    package static func contains(_ host: String) -> Bool {
        let host = host.lowercased()
        return host == "localhost" || host == "::1" || isIPv4(host)
    }

    private static func isIPv4(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil
            }
    }
}
