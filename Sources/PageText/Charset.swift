import CLibXML2

/// Bytes to text: byte order mark, then what was declared, then UTF-8 if it is valid, then windows-1252.
/// Conversion is iconv's; bytes that mean nothing become U+FFFD.
enum Charset {
    /// `declared` comes from the content type; `inside` from the document itself.
    static func decode(_ bytes: [UInt8], declared: String? = nil, inside: String? = nil) -> String {
        if let marked = byteOrderMark(bytes) { return convert(bytes.dropFirst(marked.length), from: marked.name) }
        for label in [declared, inside] {
            if let label, let name = iconvName(label) { return convert(bytes[...], from: name) }
        }
        return isUTF8(bytes) ? String(decoding: bytes, as: UTF8.self) : convert(bytes[...], from: "WINDOWS-1252")
    }

    /// The charset of `<meta charset>` or of `<meta content="…charset=…">` in the first 4 KiB.
    static func declaredInHTML(_ bytes: [UInt8]) -> String? {
        let head = bytes.prefix(4096).map(Ascii.lower)
        guard let found = head.firstRange(of: Array("charset".utf8)) else { return nil }
        let rest = head[found.upperBound...].drop(while: Ascii.isSpace)
        guard rest.first == 0x3d else { return nil }
        return label(rest.dropFirst())
    }

    /// The `charset` parameter of a content type.
    static func parameter(of contentType: String) -> String? {
        let bytes = contentType.utf8.map(Ascii.lower)
        return bytes.firstRange(of: Array("charset=".utf8)).flatMap { label(bytes[$0.upperBound...]) }
    }

    private static func label(_ bytes: ArraySlice<UInt8>) -> String? {
        let word = bytes.drop { Ascii.isSpace($0) || $0 == 0x22 || $0 == 0x27 }
            .prefix { Ascii.isLetter($0) || Ascii.isDigit($0) || $0 == 0x2d || $0 == 0x5f || $0 == 0x3a || $0 == 0x2e }
        return word.isEmpty || word.count > 40 ? nil : String(decoding: word, as: UTF8.self)
    }

    private static func byteOrderMark(_ bytes: [UInt8]) -> (name: String, length: Int)? {
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { return ("UTF-8", 3) }
        if bytes.starts(with: [0xfe, 0xff]) { return ("UTF-16BE", 2) }
        if bytes.starts(with: [0xff, 0xfe]) { return ("UTF-16LE", 2) }
        return nil
    }

    private static func isUTF8(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil }
    }

    /// Labels as the web means them (WHATWG Encoding): Latin-1 is windows-1252, GB2312 is GB18030. UTF-7 and the rest are not spoken.
    static func iconvName(_ label: String) -> String? {
        let label = Ascii.trim(label).lowercased()
        switch label {
        case "utf-8", "utf8", "unicode-1-1-utf-8": return "UTF-8"
        case "iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "us-ascii", "ascii", "windows-1252", "cp1252", "x-cp1252":
            return "WINDOWS-1252"
        case "utf-16", "utf-16le", "unicode": return "UTF-16LE"
        case "utf-16be": return "UTF-16BE"
        case "gb2312", "gbk", "gb18030", "x-gbk", "chinese", "gb_2312-80": return "GB18030"
        case "big5", "big5-hkscs", "cn-big5", "x-x-big5": return "BIG5-HKSCS"
        case "shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j": return "CP932"
        case "euc-jp", "x-euc-jp": return "EUC-JP"
        case "iso-2022-jp": return "ISO-2022-JP"
        case "euc-kr", "ks_c_5601-1987", "korean", "windows-949", "ksc5601": return "CP949"
        case "koi8-r", "koi8", "koi": return "KOI8-R"
        case "koi8-u": return "KOI8-U"
        case "iso-8859-9", "latin5", "windows-1254": return "WINDOWS-1254"
        case "iso-8859-11", "tis-620", "windows-874": return "WINDOWS-874"
        case "macintosh", "mac", "x-mac-roman": return "MACINTOSH"
        default: break
        }
        let families: [(String, [String], ClosedRange<Int>)] = [
            ("windows-", ["WINDOWS-"], 1250...1258), ("cp", ["WINDOWS-"], 1250...1258), ("iso-8859-", ["ISO-8859-"], 2...16),
        ]
        for (prefix, names, numbers) in families where label.hasPrefix(prefix) {
            if let number = Int(label.dropFirst(prefix.count)), numbers.contains(number) { return names[0] + "\(number)" }
        }
        return nil
    }

    static func convert(_ bytes: ArraySlice<UInt8>, from name: String) -> String {
        if name == "UTF-8" { return String(decoding: bytes, as: UTF8.self) }
        let converter = iconv_open("UTF-8", name)
        // iconv_open returns -1 for a charset that the machine's C library does not have.
        guard Int(bitPattern: converter) != -1 else { return String(decoding: bytes, as: UTF8.self) }
        defer { iconv_close(converter) }
        var input = Array(bytes)
        var output = [UInt8](repeating: 0, count: 64 << 10)
        var text: [UInt8] = []
        text.reserveCapacity(input.count + input.count / 2)
        input.withUnsafeMutableBytes { source in
            var next = source.baseAddress?.assumingMemoryBound(to: CChar.self)
            var left = source.count
            while left > 0 {
                let before = left
                let produced = output.withUnsafeMutableBytes { target -> Int in
                    var free = target.count
                    var place = target.baseAddress?.assumingMemoryBound(to: CChar.self)
                    _ = iconv(converter, &next, &left, &place, &free)
                    return target.count - free
                }
                text += output[..<produced]
                // Nothing moved: the byte here means nothing in this charset.
                if produced == 0, left == before {
                    text += [0xef, 0xbf, 0xbd]
                    next = next?.advanced(by: 1)
                    left -= 1
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
