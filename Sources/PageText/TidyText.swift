/// The last step of every extraction: text that a database takes and an embedder can use.
enum TidyText {
    /// More marks on one letter than any script needs: the rest of such a run is dropped.
    private static let maxMarks = 16

    /// Line ends become `\n`, at most one blank line stays, control characters go, and no character grows without bound.
    static func tidied(_ text: String) -> String {
        var tidy = Tidier()
        for scalar in text.unicodeScalars { tidy.take(scalar) }
        return tidy.finish()
    }

    private struct Tidier {
        private var out: [UInt8] = []
        private var newlines = 0
        private var spaces: [UInt8] = []
        private var marks = 0
        private var afterReturn = false

        mutating func take(_ scalar: Unicode.Scalar) {
            let isSecondHalf = afterReturn && scalar == "\n"
            afterReturn = scalar == "\r"
            switch scalar.value {
            case 0x21...0x7e: append(scalar)
            case 0x20, 0x09: if spaces.count < 64 { spaces.append(UInt8(truncatingIfNeeded: scalar.value)) }
            case 0x0a, 0x0c, 0x0d, 0x85, 0x2028, 0x2029:
                newlines += isSecondHalf ? 0 : 1
                spaces.removeAll(keepingCapacity: true)
            case 0xad, 0xfeff: break
            default: if !TidyText.isControl(scalar) { append(scalar) }
            }
        }

        private mutating func append(_ scalar: Unicode.Scalar) {
            marks = scalar.value >= 0x300 && TidyText.extends(scalar) ? marks + 1 : 0
            guard marks <= maxMarks else { return }
            if newlines > 0 || !spaces.isEmpty { writeSpace() }
            if let bytes = UTF8.encode(scalar) { out.append(contentsOf: bytes) }
        }

        private mutating func writeSpace() {
            if newlines > 0, !out.isEmpty { out += newlines > 1 ? [0x0a, 0x0a] : [0x0a] }
            out += spaces
            newlines = 0
            spaces.removeAll(keepingCapacity: true)
        }

        consuming func finish() -> String {
            String(decoding: out, as: UTF8.self)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || (scalar.value & 0xfffe) == 0xfffe
            || (0xfdd0...0xfdef).contains(scalar.value)
    }

    /// Scalars that lengthen the character before them: marks, joiners, variation selectors, skin tones, tags.
    private static func extends(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isGraphemeExtend || scalar == "\u{200d}" || scalar.properties.isEmojiModifier
    }
}
