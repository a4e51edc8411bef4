/// A job's id: a UUID of version 7 that we made (sortable by time), or of version 5 for an entry that another program added.
/// Written in lower case with hyphens, and only that spelling is read: one job has one spelling in every key and row.
package struct JobID: Hashable, Sendable, CustomStringConvertible {
    /// The sixteen bytes, most significant first.
    private let high: UInt64
    private let low: UInt64

    /// Cost: a string made anew; keep it where it is needed often.
    package var description: String { JobID.spell(high, low) }

    /// A fresh UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits.
    package init(at now: Timestamp = .now) {
        // One call of the system for all of them.
        let random = Digest.randomWords()
        self.init(UInt64(clamping: now.milliseconds) << 16 | random.0 & 0xffff, random.1, version: 7)
    }

    /// The id of an entry that another program added to a stream: UUIDv5 of stream and entry, so that adopting it twice gives one job.
    package init(stream: String, entry: String) {
        let namespace: [UInt8] = [
            0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
        ]
        let digest = Digest.sha1(namespace + Array("tidewheel:\(stream):\(entry)".utf8))
        let words = [digest[0..<8], digest[8..<16]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        self.init(words[0], words[1], version: 5)
    }

    /// Reads an id of our making; anything else, upper case included, is nil.
    package init?(_ text: String) {
        var text = text
        guard let words = text.withUTF8(JobID.words) else { return nil }
        (high, low) = words
    }

    package init?(_ text: ArraySlice<UInt8>) {
        guard let words = text.withUnsafeBufferPointer(JobID.words) else { return nil }
        (high, low) = words
    }

    private static func words(_ text: UnsafeBufferPointer<UInt8>) -> (UInt64, UInt64)? {
        guard text.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<36 {
            switch index {
            case 8, 13, 18, 23: guard text[index] == UInt8(ascii: "-") else { return nil }
            default:
                guard let digit = JobID.digit(text[index]), index != 14 || digit == 7 || digit == 5 else { return nil }
                if index < 18 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
            }
        }
        return words
    }

    /// With the version and the variant of RFC 9562 in their places.
    private init(_ high: UInt64, _ low: UInt64, version: UInt64) {
        self.high = high & ~0xf000 | version << 12
        self.low = low & ~(0b11 << 62) | 0b10 << 62
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte) - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte) - 0x57
        default: nil
        }
    }

    private static func spell(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 36) { target in
            var place = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    target[place] = UInt8(ascii: "-")
                    place += 1
                }
                let word = index < 16 ? high : low
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index & 15)) & 0xf)
                target[place] = digit < 10 ? 0x30 + digit : 0x57 + digit
                place += 1
            }
            return place
        }
    }
}
