/// Markdown stays as it is written, which embedders read well; its front matter goes, its title and links are taken out.
enum MarkdownPage {
    static func read(_ source: String, url: String?, limits: ExtractLimits) -> ExtractedPage {
        var page = ExtractedPage()
        var lines = source.split(omittingEmptySubsequences: false) { $0.isNewline }[...]
        let matter = frontMatter(&lines)
        page.title = matter["title"] ?? heading(lines) ?? ""
        page.language = matter["lang"] ?? matter["language"]
        page.text = lines.joined(separator: "\n")
        page.links = links(in: page.text, base: url.flatMap { WebAddress($0) }, limit: limits.links)
        return page
    }

    /// `key: value` lines between two `---` at the very beginning.
    private static func frontMatter(_ lines: inout ArraySlice<Substring>) -> [String: String] {
        guard lines.first.map({ Ascii.trim($0) }) == "---" else { return [:] }
        let inner = lines.dropFirst().prefix(200).prefix { Ascii.trim($0) != "---" }
        guard inner.endIndex < lines.endIndex, Ascii.trim(lines[inner.endIndex]) == "---" else { return [:] }
        var values: [String: String] = [:]
        for line in inner {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = Ascii.trim(line[line.index(after: colon)...])
            values[Ascii.trim(line[..<colon]).lowercased()] =
                value.count > 1 && (value.first == "\"" || value.first == "'") ? String(value.dropFirst().dropLast()) : value
        }
        lines = lines[(inner.endIndex + 1)...]
        return values
    }

    /// The first `# heading`, or the first line that `===` underlines; not in a fenced block.
    private static func heading(_ lines: ArraySlice<Substring>) -> String? {
        var isFenced = false
        var last: Substring = ""
        for line in lines.prefix(500) {
            if line.hasPrefix("```") || line.hasPrefix("~~~") { isFenced.toggle() }
            if isFenced { continue }
            if line.hasPrefix("# ") {
                return Ascii.trim(line.dropFirst(2).reversed().drop { $0 == "#" || $0 == " " }.reversed().map(String.init).joined())
            }
            if line.hasPrefix("==="), !last.isEmpty { return Ascii.trim(last) }
            last = line
        }
        return nil
    }

    /// Inline links and autolinks. One pass over the bytes: an unclosed bracket costs at most its own 1,000 bytes.
    private static func links(in text: String, base: WebAddress?, limit: Int) -> [PageLink] {
        let bytes = Array(text.utf8)
        var links: [PageLink] = []
        var seen: Set<String> = []
        var position = 0
        while position < bytes.count, links.count < limit {
            defer { position += 1 }
            let isInline = bytes[position] == 0x5d && position + 1 < bytes.count && bytes[position + 1] == 0x28
            guard isInline || bytes[position] == 0x3c else { continue }
            let rest = bytes[(position + (isInline ? 2 : 1))...].prefix(2000)
            let target = rest.prefix { !Ascii.isSpace($0) && $0 != 0x29 && $0 != 0x3e }
            guard target.endIndex < rest.endIndex, isInline || target.starts(with: Array("http".utf8)) else { continue }
            let words = String(decoding: target.drop { $0 == 0x3c }, as: UTF8.self)
            guard !words.hasPrefix("#"), let url = WebAddress(words, relativeTo: base)?.description, seen.insert(url).inserted else {
                continue
            }
            links.append(PageLink(url: url, text: isInline ? label(before: position, in: bytes) : "", nofollow: false))
        }
        return links
    }

    private static func label(before end: Int, in bytes: [UInt8]) -> String {
        let reach = bytes[max(0, end - 200)..<end]
        guard let open = reach.lastIndex(of: 0x5b) else { return "" }
        return Ascii.oneLine(String(decoding: reach[(open + 1)...], as: UTF8.self), limit: 200)
    }
}
