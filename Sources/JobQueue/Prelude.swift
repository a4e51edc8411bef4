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

    /// The parts that a script names, and what these name, in their order.
    func needed(by script: some Collection<UInt8>) -> [UInt8] {
        var words = Prelude.words(String(decoding: script, as: UTF8.self)[...])
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
        return needed.sorted().flatMap { Array(parts[$0].text.utf8) }
    }

    /// Comments name things too, and need none of them.
    private static func words(_ text: Substring) -> Set<Substring> {
        var words: Set<Substring> = []
        for line in text.split(separator: "\n") {
            let code = line[..<(line.firstRange(of: "--")?.lowerBound ?? line.endIndex)]
            words.formUnion(code.split { !($0.isLetter || $0.isNumber || $0 == "_") })
        }
        return words
    }
}
