/// A web address in normal form (RFC 3986 §6.2.2, read as tolerantly as browsers do): what a crawler keys its visited set by.
/// Only http and https; no user name, no fragment.
package struct WebAddress: Sendable, Hashable, CustomStringConvertible {
    package let scheme: String
    /// Lower case; an IPv6 address keeps its brackets.
    package let host: String
    package let port: Int
    /// Begins with a slash; without dot segments.
    package let path: String
    package let query: String?

    package static let maxBytes = 8192

    /// Nil for everything a crawler cannot follow: other schemes, no host, a user name, a bad port, over 8,192 bytes.
    package init?(_ text: String, relativeTo base: WebAddress? = nil) {
        guard text.utf8.count <= Self.maxBytes else { return nil }
        let reference = URLReference(text)
        guard let resolved = reference.resolved(against: base), let authority = URLAuthority(resolved.authority) else { return nil }
        scheme = resolved.scheme
        host = authority.host
        port = authority.port ?? (resolved.scheme == "https" ? 443 : 80)
        path = PercentEncoding.normalised(DotSegments.removed(from: resolved.path), keeping: PercentEncoding.pathBytes)
        query = resolved.query.map { PercentEncoding.normalised($0, keeping: PercentEncoding.queryBytes) }
        guard description.utf8.count <= Self.maxBytes else { return nil }
    }

    /// Scheme, host and, where it is not the scheme's own, port: where robots.txt lives.
    package var origin: String {
        let standard = scheme == "https" ? 443 : 80
        return port == standard ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port)"
    }

    package var pathAndQuery: String {
        query.map { "\(path)?\($0)" } ?? path
    }

    package var description: String {
        origin + pathAndQuery
    }

    /// Whether the host is this one or below it, `www.` aside: `docs.example.org` belongs to `example.org`.
    package func belongs(toDomain domain: String) -> Bool {
        let mine = Self.withoutWWW(host)
        let other = Self.withoutWWW(domain.lowercased())
        return mine == other || (!other.isEmpty && mine.hasSuffix("." + other))
    }

    package func isSameSite(as other: WebAddress) -> Bool {
        Self.withoutWWW(host) == Self.withoutWWW(other.host) && (port == other.port || (hasStandardPort && other.hasStandardPort))
    }

    package static func normalise(_ url: String, relativeTo base: String? = nil) -> String? {
        WebAddress(url, relativeTo: base.flatMap { WebAddress($0) })?.description
    }

    package static func host(of url: String) -> String? {
        WebAddress(url)?.host
    }

    private var hasStandardPort: Bool {
        port == (scheme == "https" ? 443 : 80)
    }

    private static func withoutWWW(_ host: String) -> Substring {
        host.hasPrefix("www.") ? host.dropFirst(4) : host[...]
    }
}
