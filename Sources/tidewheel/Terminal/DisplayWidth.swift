/// How many columns of a terminal a text takes, and texts cut to columns. Not by the locale: that of servers knows ASCII only.

extension Character {
    /// 0 for what stands on the character before, 2 for the wide ones of East Asia and for emoji, 1 for the rest.
    var columns: Int {
        // A sign that is text by itself becomes an emoji with U+FE0F behind it.
        if unicodeScalars.contains(where: { $0.value == 0xFE0F }), unicodeScalars.first!.properties.isEmoji { return 2 }
        return unicodeScalars.map(\.columns).max() ?? 0
    }
}

extension Unicode.Scalar {
    /// The wide blocks of Unicode's East Asian Width; emoji are told by their own property.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97C,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18CFF,
        0x1AFF0...0x1B2FF, 0x1F200...0x1F265, 0x20000...0x3FFFD,
    ]

    fileprivate var columns: Int {
        if value < 0x300 { return 1 }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return properties.isEmojiPresentation || Self.wide.contains { $0.contains(value) } ? 2 : 1
        }
    }
}

extension String {
    /// In columns of a terminal.
    var columns: Int { utf8.allSatisfy { $0 < 0x80 } ? utf8.count : reduce(0) { $0 + $1.columns } }

    /// Cut to so many columns, with … at the end of what was cut.
    func cut(to width: Int) -> String {
        guard columns > width else { return self }
        guard width > 1 else { return width == 1 ? "…" : "" }
        var taken = 0
        let kept = prefix { character in
            taken += character.columns
            return taken < width
        }
        return kept + "…"
    }

    func padded(to width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: Swift.max(0, width - columns))
        return right ? space + self : self + space
    }

    /// Without anything that a terminal obeys, but with its lines.
    var shownOnLines: String {
        guard unicodeScalars.contains(where: \.isObeyed) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { $0.isObeyed && $0 != "\n" && $0 != "\t" ? "\u{FFFD}" : $0 }))
    }

    /// On one line and without anything that a terminal obeys: texts come from strangers.
    var shownOnOneLine: String {
        guard unicodeScalars.contains(where: \.isObeyed) else { return self }
        return String(
            String.UnicodeScalarView(unicodeScalars.map { $0.isObeyed ? ($0 == "\n" || $0 == "\t" || $0 == "\r" ? " " : "\u{FFFD}") : $0 }))
    }
}

extension Unicode.Scalar {
    /// C0, C1, and what turns the direction of the text around it.
    fileprivate var isObeyed: Bool {
        value < 0x20 || (0x7F...0x9F).contains(value) || (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
            || value == 0x2028 || value == 0x2029
    }
}
