/// What scripts share, cut to what one of them uses: Redis makes every function of a script anew at every call, at about half a microsecond each.
struct Prelude {
    /// One `local` at the beginning of a line, with what belongs to it.
    private struct Part {
        let names: [Substring]
        let text: Substring
    }

    private let parts: [Part]

    init(_ source: [UInt8]) {
        var parts: [Part] = []
        var begin: String.Index?
        let text = String(decoding: source, as: UTF8.self)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) where line.hasPrefix("local ") {
            if let begin { parts.append(Prelude.part(text[begin..<line.startIndex])) }
            begin = line.startIndex
        }
        if let begin { parts.append(Prelude.part(text[begin...])) }
        self.parts = parts
    }

    /// `local function name(…` or `local name, name = …`.
    private static func part(_ text: Substring) -> Part {
        let head = text.dropFirst("local ".count)
        let isFunction = head.hasPrefix("function ")
        let names = (isFunction ? head.dropFirst("function ".count) : head).prefix { isFunction ? $0 != "(" : $0 != "=" && $0 != "\n" }
        return Part(names: names.split { $0 == "," || $0 == " " }, text: text)
    }

    /// A line of a function of a script: what only this function needs is put there, and made when it is called.
    private static let marker = "    -- prelude\n"

    /// The script with the parts that it names, and what these name: on top what its first lines need or several functions do.
    func complete(_ script: some Collection<UInt8>) -> [UInt8] {
        let pieces = String(decoding: script, as: UTF8.self).split(separator: Prelude.marker, omittingEmptySubsequences: false)
        let functions = pieces.dropFirst().map(Prelude.untilItsEnd)
        let outer = pieces[0] + zip(pieces.dropFirst(), functions).map { $0[$1.endIndex...] }.joined()
        let inner = functions.map { needed(by: $0) }
        let shared = parts.indices.filter { index in inner.count { $0.contains(index) } > 1 }
        let top = needed(by: outer + shared.map { parts[$0].text }.joined())
        var text = spell(top) + pieces[0]
        for (piece, needed) in zip(pieces.dropFirst(), inner) { text += spell(needed.subtracting(top)) + piece }
        return Array(text.utf8)
    }

    /// What is left of a function that begins at the beginning of a line.
    private static func untilItsEnd(_ text: Substring) -> Substring {
        text.firstRange(of: "\nend\n").map { text[..<$0.lowerBound] } ?? text
    }

    private func spell(_ needed: Set<Int>) -> String {
        needed.sorted().map { String(parts[$0].text) }.joined()
    }

    private func needed(by script: some StringProtocol) -> Set<Int> {
        var words = Prelude.words(Substring(script))
        var needed: Set<Int> = []
        var hasGrown = true
        while hasGrown {
            hasGrown = false
            for (index, part) in parts.enumerated() where !needed.contains(index) && part.names.contains(where: words.contains) {
                needed.insert(index)
                words.formUnion(Prelude.words(part.text))
                hasGrown = true
            }
        }
        return needed
    }

    private static func code(of line: Substring) -> Substring.UTF8View {
        let dash = UInt8(ascii: "-")
        let bytes = line.utf8
        let comment = zip(bytes.indices, bytes.indices.dropFirst()).first { bytes[$0] == dash && bytes[$1] == dash }
        return bytes[..<(comment?.0 ?? bytes.endIndex)]
    }

    /// By bytes: by characters, the scripts of a process took a tenth of a second to put together.
    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Comments name things too, and need none of them.
    private static func words(_ text: Substring) -> Set<Substring> {
        var words: Set<Substring> = []
        for line in text.split(separator: "\n") {
            words.formUnion(code(of: line).split { !isOfWord($0) }.map(Substring.init))
        }
        return words
    }
}
