/// Writes a page's nodes as lines of text: blocks on lines of their own, white space collapsed except in `pre`, cells by tab.
struct HTMLText {
    private let limit: Int
    private var out: [UInt8] = []
    private var breaks = 0
    private var needsSpace = false
    private var preformatted = 0
    private var listDepth = 0
    /// A list mark was written, and no word after it yet: the item's first block stays on the mark's line.
    private var isAtMark = false

    init(limit: Int) {
        self.limit = limit
    }

    var finished: String { String(decoding: out, as: UTF8.self) }

    /// False when the limit is passed: the rest of the page is not read.
    mutating func take(_ node: HTMLNode) -> Bool {
        if let text = node.text {
            preformatted > 0 ? writeLiterally(text) : writeWords(text)
        } else if let element = node.element {
            node.isClosing ? close(element) : open(element)
        }
        return out.count <= limit
    }

    static func isInvisible(_ element: String, _ node: HTMLNode) -> Bool {
        if invisibleElements.contains(element) || node.attribute("hidden") != nil || node.attribute("aria-hidden")?.lowercased() == "true" {
            return true
        }
        guard let style = node.attribute("style"), style.utf8.count < 2000 else { return false }
        return style.lowercased().filter { !$0.isWhitespace }.contains("display:none")
    }

    private static let invisibleElements: Set<String> = [
        "head", "script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas", "audio", "video", "select",
        "datalist",
        "button", "input", "textarea", "dialog", "map",
    ]
    private static let paragraphs: Set<String> = [
        "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol", "dl", "figure", "section", "article", "main",
        "hr", "fieldset",
        "details",
    ]
    private static let lines: Set<String> = [
        "div", "li", "tr", "dt", "dd", "address", "caption", "figcaption", "form", "header", "footer", "nav", "aside", "summary", "legend",
        "center",
        "thead", "tbody", "tfoot", "body", "option", "optgroup", "hgroup", "menu", "dir", "search",
    ]

    private mutating func open(_ element: String) {
        endLine(before: element)
        switch element {
        case "ul", "ol": listDepth += 1
        case "br": out.isEmpty ? () : (breaks += 1)
        case "pre": preformatted += 1
        case "li": writeMark()
        default: break
        }
    }

    private mutating func close(_ element: String) {
        if element == "pre" { preformatted -= 1 }
        if element == "ul" || element == "ol" { listDepth -= 1 }
        if element == "td" || element == "th" { writeCellEnd() }
        endLine(before: element)
    }

    private mutating func endLine(before element: String) {
        let isNestedList = listDepth > 0 && (element == "ul" || element == "ol")
        if Self.paragraphs.contains(element), !isNestedList {
            breaks = max(breaks, 2)
        } else if isNestedList || Self.lines.contains(element) {
            breaks = max(breaks, 1)
        }
    }

    private mutating func writeWords(_ text: String) {
        var previous: UInt8 = 0
        for byte in text.utf8 {
            // A no-break space is C2 A0: its first byte is taken back when the second comes.
            if byte == 0xa0, previous == 0xc2 { out.removeLast() }
            if Ascii.isSpace(byte) || (byte == 0xa0 && previous == 0xc2) {
                needsSpace = true
            } else {
                flush()
                out.append(byte)
            }
            previous = byte
        }
    }

    private mutating func writeLiterally(_ text: String) {
        guard !text.isEmpty else { return }
        flush()
        out += text.utf8
    }

    private mutating func writeMark() {
        guard !isAtMark else { return }
        flush()
        out += (String(repeating: "  ", count: min(max(listDepth - 1, 0), 8)) + "- ").utf8
        isAtMark = true
    }

    private mutating func writeCellEnd() {
        guard breaks == 0 else { return breaks = 0 }
        out.append(0x09)
        needsSpace = false
    }

    /// Writes the white space that is due before the next word: line ends, or one space.
    private mutating func flush() {
        guard isAtMark || breaks > 0 || needsSpace else { return }
        if isAtMark {
            isAtMark = false
        } else if breaks > 0 {
            if !out.isEmpty { out += breaks > 1 ? [0x0a, 0x0a] : [0x0a] }
        } else if needsSpace, let last = out.last, !Ascii.isSpace(last) {
            out.append(0x20)
        }
        breaks = 0
        needsSpace = false
    }
}
