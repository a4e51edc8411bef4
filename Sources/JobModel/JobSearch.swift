/// What a list is searched for: jobs must fit every part of it.
package struct JobSearch: Sendable, Hashable {
    /// Each is words, "phrases", alternatives (`or`) and words that must not be there (`-word`).
    package var words: [String] = []
    /// Each is an SQL/JSON path over the document `{input, result, metadata, error, error_type}`: a condition, or a place where something must be.
    package var paths: [String] = []

    package init() {}

    /// One part: a path begins with `$`.
    package mutating func add(_ text: String) {
        let text = text.trimmingSpaces
        if text.hasPrefix("$") { paths.append(text) } else { words.append(text) }
    }

    /// Whether the index can tell which jobs fit: by any word, and by a path that asks somewhere for one value (`==`) and leaves no way round it.
    package var isIndexed: Bool {
        !words.isEmpty || paths.contains(where: JobSearch.isSelective)
    }

    static func isSelective(_ path: String) -> Bool {
        let bare = withoutStrings(path).replacing("[*]", with: "")
        let ways = ["||", "!", "*", "unknown", "strict"]
        return bare.contains("==") && !ways.contains { bare.contains($0) }
    }

    /// The path with nothing between its quotation marks.
    private static func withoutStrings(_ path: String) -> String {
        var bare: [UInt8] = []
        var isInside = false
        var isEscaped = false
        for byte in path.utf8 {
            if isInside, isEscaped { isEscaped = false; continue }
            if isInside, byte == UInt8(ascii: "\\") { isEscaped = true; continue }
            if byte == UInt8(ascii: "\"") { isInside.toggle() }
            if !isInside || byte == UInt8(ascii: "\"") { bare.append(byte) }
        }
        return String(decoding: bare, as: UTF8.self)
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(decoding: utf8.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed(), as: UTF8.self)
    }
}
