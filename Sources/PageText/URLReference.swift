/// The parts of a URL as written, and how a relative one is resolved (RFC 3986 §5.2).
/// `WebAddress` makes a normal form of what comes out.
struct URLReference {
    var scheme: String?
    var authority: String?
    var path: String
    var query: String?

    struct Resolved {
        let scheme: String
        let authority: String
        let path: String
        let query: String?
    }

    init(_ text: String) {
        // Tabs and line ends vanish, backslashes are slashes: pages are written for browsers.
        var rest = Ascii.trim(text).utf8.filter { $0 != 0x09 && $0 != 0x0a && $0 != 0x0d }[...]
        if let hash = rest.firstIndex(of: 0x23) { rest = rest[..<hash] }
        if let mark = rest.firstIndex(of: 0x3f) {
            let words = rest[(mark + 1)...]
            query = words.isEmpty ? nil : String(decoding: words, as: UTF8.self)
            rest = rest[..<mark]
        }
        if let colon = rest.firstIndex(of: 0x3a), Self.isScheme(rest[..<colon]) {
            scheme = String(decoding: rest[..<colon].map(Ascii.lower), as: UTF8.self)
            rest = rest[(colon + 1)...]
        }
        if scheme == nil || scheme == "http" || scheme == "https" { rest = rest.map { $0 == 0x5c ? 0x2f : $0 }[...] }
        if rest.starts(with: [0x2f, 0x2f]) {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex(of: 0x2f) ?? rest.endIndex
            authority = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[end...]
        }
        path = String(decoding: rest, as: UTF8.self)
    }

    func resolved(against base: WebAddress?) -> Resolved? {
        if let scheme, scheme != "http", scheme != "https" { return nil }
        if let scheme, let authority { return Resolved(scheme: scheme, authority: authority, path: path, query: query) }
        guard let base, scheme == nil || scheme == base.scheme else { return nil }
        if let authority { return Resolved(scheme: base.scheme, authority: authority, path: path, query: query) }
        let home = String(base.origin.dropFirst(base.scheme.count + 3))
        if path.isEmpty { return Resolved(scheme: base.scheme, authority: home, path: base.path, query: query ?? base.query) }
        let full = path.hasPrefix("/") ? path : base.path[...(base.path.lastIndex(of: "/") ?? base.path.startIndex)] + path
        return Resolved(scheme: base.scheme, authority: home, path: String(full), query: query)
    }

    private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, Ascii.isLetter(first) else { return false }
        return bytes.allSatisfy { Ascii.isLetter($0) || Ascii.isDigit($0) || $0 == 0x2b || $0 == 0x2d || $0 == 0x2e }
    }
}

/// `host[:port]`. A user name or password is refused: an address with one is not followed.
struct URLAuthority {
    let host: String
    let port: Int?

    init?(_ text: String) {
        guard !text.isEmpty, !text.contains("@") else { return nil }
        var name = text[...]
        var digits: Substring = ""
        let afterBrackets = name.hasPrefix("[") ? name.firstIndex(of: "]") ?? name.startIndex : name.startIndex
        if let colon = name[afterBrackets...].lastIndex(of: ":") {
            digits = name[name.index(after: colon)...]
            name = name[..<colon]
        }
        if name.hasSuffix(".") { name = name.dropLast() }
        guard !name.isEmpty, name.utf8.count <= 255, name.unicodeScalars.allSatisfy(Self.isHostScalar) else { return nil }
        host = name.lowercased()
        guard digits.isEmpty || (digits.utf8.count <= 5 && digits.utf8.allSatisfy(Ascii.isDigit)) else { return nil }
        port = Int(digits)
        guard port.map({ (1...65535).contains($0) }) ?? true else { return nil }
    }

    private static func isHostScalar(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return scalar.value > 0xa0 }
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        return Ascii.isLetter(byte) || Ascii.isDigit(byte) || [0x2d, 0x2e, 0x5f, 0x5b, 0x5d, 0x3a].contains(byte)
    }
}

enum DotSegments {
    /// RFC 3986 §5.2.4 in one pass: `/a/./b/../c` is `/a/c`; the result begins with a slash.
    static func removed(from path: String) -> String {
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(path.hasPrefix("/") ? 1 : 0)
        for (position, segment) in zip(1..., segments) {
            let isLast = position == segments.count
            switch segment.lowercased() {
            case ".", "%2e":
                if isLast { kept.append("") }
            case "..", ".%2e", "%2e.", "%2e%2e":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default:
                kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}
