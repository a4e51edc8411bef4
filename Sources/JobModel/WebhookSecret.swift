/// What deliveries are signed with, after Standard Webhooks 1.0.0: `whsec_` and the base64 of 24 to 64 random bytes.
/// Never logged: its description says nothing.
package struct WebhookSecret: Sendable, Hashable, CustomStringConvertible {
    private static let prefix = "whsec_"

    /// As the receiver gets it.
    package let text: String
    private let key: [UInt8]

    /// A fresh one of 32 random bytes.
    package init() {
        key = Digest.randomBytes(32)
        text = WebhookSecret.prefix + Base64.encode(key)
    }

    /// Nil for a text that is no such secret.
    package init?(_ text: String) {
        guard text.hasPrefix(WebhookSecret.prefix), let key = Base64.decode(String(text.dropFirst(WebhookSecret.prefix.count))),
            (24...64).contains(key.count)
        else { return nil }
        self.key = key
        self.text = text
    }

    package var description: String { "whsec_…" }

    /// `v1,` and the base64 of HMAC-SHA256 over `<id>.<seconds>.<body>`. The time is that of the attempt: receivers refuse old ones.
    package func signature(id: String, seconds: Int64, body: some Sequence<UInt8>) -> String {
        "v1," + Base64.encode(Digest.hmacSHA256(Array("\(id).\(seconds).".utf8) + Array(body), key: key))
    }
}

extension WebhookSecret {
    /// The headers of one attempt. With several secrets (a rotation) the receiver accepts whichever it knows.
    package static func headers(id: String, seconds: Int64, body: [UInt8], secrets: [WebhookSecret]) -> [(String, String)] {
        [
            ("webhook-id", id), ("webhook-timestamp", String(seconds)),
            ("webhook-signature", secrets.map { $0.signature(id: id, seconds: seconds, body: body) }.joined(separator: " ")),
        ]
    }
}
