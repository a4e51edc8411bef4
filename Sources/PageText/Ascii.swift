/// ASCII work on text that protocols define in bytes: cheaper and stricter than Unicode's rules.
enum Ascii {
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0d).contains(byte)
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte | 0x20)
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte)
    }

    static func lower(_ byte: UInt8) -> UInt8 {
        (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    static func trim(_ text: some StringProtocol) -> String {
        let bytes = Substring(text).utf8
        guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(Substring(bytes[first...last]))
    }

    /// Runs of white space become one space; at most `limit` characters are kept.
    static func oneLine(_ text: some StringProtocol, limit: Int) -> String {
        let words = text.split(omittingEmptySubsequences: true) { $0.isWhitespace }
        var line = ""
        var count = 0
        for word in words {
            guard count < limit else { break }
            if !line.isEmpty { line += " " }
            line += word.prefix(limit - count)
            count += word.count + 1
        }
        return line
    }
}
