/// A job's id: a UUID of version 7 that we made (sortable by time), or of version 5 for an entry that another program added.
/// Written in lower case with hyphens, and only that spelling is read: one job has one spelling in every key and row.
package struct JobID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// A fresh UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits.
    package init(at now: Timestamp = .now) {
        var bytes = Digest.randomBytes(16)
        let milliseconds = UInt64(clamping: now.milliseconds)
        for index in 0..<6 { bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * index)) }
        description = JobID.spell(bytes, version: 7)
    }

    /// The id of an entry that another program added to a stream: UUIDv5 of stream and entry, so that adopting it twice gives one job.
    package init(stream: String, entry: String) {
        let namespace: [UInt8] = [
            0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
        ]
        let digest = Digest.sha1(namespace + Array("tidewheel:\(stream):\(entry)".utf8))
        description = JobID.spell(Array(digest.prefix(16)), version: 5)
    }

    /// Reads an id of our making; anything else, upper case included, is nil.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        for (index, byte) in bytes.enumerated() {
            switch index {
            case 8, 13, 18, 23: guard byte == UInt8(ascii: "-") else { return nil }
            case 14: guard byte == UInt8(ascii: "7") || byte == UInt8(ascii: "5") else { return nil }
            default: guard JobID.isLowerHexadecimal(byte) else { return nil }
            }
        }
        description = text
    }

    private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func spell(_ random: [UInt8], version: UInt8) -> String {
        var bytes = random
        bytes[6] = bytes[6] & 0x0f | version << 4
        bytes[8] = bytes[8] & 0x3f | 0x80
        let parts = [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
        return parts.map { Digest.hexadecimal($0) }.joined(separator: "-")
    }
}
