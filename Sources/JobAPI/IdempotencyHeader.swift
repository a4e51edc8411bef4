internal import JobModel

/// `Idempotency-Key` as the draft writes it (a structured-field string in double quotes) and as most clients do (bare).
enum IdempotencyHeader {
    /// The key with the route as its scope and a fingerprint of the request; nil without the header.
    static func key(_ given: String?, route: String, body: JSONValue) throws(Problem) -> IdempotencyKey? {
        guard let given else { return nil }
        guard let inner = inner(given), (1...255).contains(inner.utf8.count) else {
            throw .badHeader("Idempotency-Key", "must be 1 to 255 visible ASCII characters, with or without double quotes")
        }
        return self.key(inner, scope: route, body: body)
    }

    /// A key that was read already.
    static func key(_ key: String, scope: String, body: JSONValue) -> IdempotencyKey {
        IdempotencyKey(scope: scope, key: key, fingerprint: Digest.sha256("POST\n\(scope)\n\(body.serialized)"))
    }

    /// Structured fields allow spaces in a quoted string and escape `"` and `\`; a bare key has neither spaces nor quotes.
    private static func inner(_ given: String) -> String? {
        guard given.hasPrefix("\"") else {
            return given.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\"") } ? given : nil
        }
        guard given.utf8.count >= 2, given.hasSuffix("\"") else { return nil }
        var text: [UInt8] = []
        var isEscaped = false
        for byte in given.utf8.dropFirst().dropLast() {
            guard (0x21...0x7e).contains(byte) else { return nil }
            if isEscaped {
                guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { return nil }
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            } else if byte == UInt8(ascii: "\"") {
                return nil
            }
            text.append(byte)
        }
        return isEscaped ? nil : String(decoding: text, as: UTF8.self)
    }
}
