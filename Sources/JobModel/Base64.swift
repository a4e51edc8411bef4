internal import CCrypto

/// RFC 4648 base64 with padding.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String {
        guard !bytes.isEmpty else { return "" }
        // libcrypto ends its output with a NUL.
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let length = Int(EVP_EncodeBlock(&text, bytes, Int32(bytes.count)))
        return String(decoding: text.prefix(length), as: UTF8.self)
    }

    /// Nil for a text that is no base64 of at most 4 KiB.
    package static func decode(_ text: String) -> [UInt8]? {
        let given = Array(text.utf8)
        let padding = given.suffix(2).count { $0 == UInt8(ascii: "=") }
        guard given.count % 4 == 0, given.count <= 4_096, given.dropLast(padding).allSatisfy(isDigit) else { return nil }
        guard !given.isEmpty else { return [] }
        var bytes = [UInt8](repeating: 0, count: given.count / 4 * 3)
        let length = EVP_DecodeBlock(&bytes, given, Int32(given.count))
        guard length >= 0 else { return nil }
        return Array(bytes.prefix(Int(length) - padding))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
