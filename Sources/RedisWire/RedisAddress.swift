import FoundationEssentials

/// Where a Redis is and how to log in, read from a URL. Its description never shows the password.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    package enum Endpoint: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    package let endpoint: Endpoint
    /// Nil logs in as Redis' user `default`, as before ACLs. Percent-encoding is undone here and nowhere else.
    package let user: String?
    package let password: String?
    /// Selected again at every login: the server forgets it with the socket.
    package let database: Int
    /// Set for `rediss` only. There is no unverified TLS, and no falling back to plain text.
    let tls: RedisTLS?
    package var isEncrypted: Bool { tls != nil }

    /// Reads `redis://[[user]:password@]host[:port][/db]`, `rediss://…[?cafile=PATH]`, `unix:///path.sock[?db=N]` (also `redis+unix`).
    /// Touches the disk for `rediss` only, so that authorities that are not usable are told at once.
    package init(url: String) throws(RedisError) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased() else {
            throw .invalidAddress("it does not read as a URL; expected redis://host:port/db")
        }
        var query: [String: String] = [:]
        for item in parts.queryItems ?? [] { query[item.name] = item.value }
        var databaseText = query["db"] ?? ""
        switch scheme {
        case "redis", "rediss":
            guard let host = parts.host, !host.isEmpty else { throw .invalidAddress("it has no host") }
            let port = parts.port ?? 6379
            guard (1...65535).contains(port) else { throw .invalidAddress("the port must be between 1 and 65535") }
            endpoint = .tcp(host: host.trimmingBrackets, port: port)
            let path = parts.path.drop { $0 == "/" }
            if !path.isEmpty { databaseText = String(path) }
        case "unix", "redis+unix":
            // sun_path of the system has 108 bytes, its end included; a longer path would be cut silently.
            guard parts.path.hasPrefix("/"), parts.path.utf8.count < 108 else {
                throw .invalidAddress("a socket path must be absolute and shorter than 108 bytes")
            }
            endpoint = .unix(path: parts.path)
        default:
            throw .invalidAddress("the scheme must be redis, rediss or unix")
        }
        guard let number = databaseText.isEmpty ? 0 : Int(databaseText), (0...65535).contains(number) else {
            throw .invalidAddress("the database must be a number from 0")
        }
        database = number
        user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
        password = parts.password.flatMap { $0.isEmpty ? nil : $0 }
        tls = scheme == "rediss" ? try RedisTLS(authorityFile: query["cafile"]) : nil
    }

    /// For logs and error texts: neither user nor password.
    package var description: String {
        switch endpoint {
        case .tcp(let host, let port): "\(tls != nil ? "rediss" : "redis")://\(host):\(port)/\(database)"
        case .unix(let path): "unix://\(path)?db=\(database)"
        }
    }
}

extension String {
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
