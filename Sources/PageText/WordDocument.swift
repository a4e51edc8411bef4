/// DOCX: the parts of the zip by `unzip -p`, the XML in them as a stream.
enum WordDocument {
    /// Uncompressed XML is some twenty times its text; a zip that unpacks to more than this is refused.
    private static let maxXMLBytes = 64 << 20

    static func read(_ bytes: [UInt8], limits: ExtractLimits) async throws(ExtractError) -> ExtractedPage {
        // Password-protected Office files are not zips but OLE containers.
        if bytes.starts(with: [0xd0, 0xcf, 0x11, 0xe0]) { throw .encrypted }
        guard bytes.starts(with: Array("PK".utf8)) else { throw .notThatType("the document is not a DOCX: it is not a zip file") }
        return try await ScratchFile.with(bytes, name: "document.docx") { path throws(ExtractError) in
            try await read(ZipArchive(path: path, limits: limits), limits: limits)
        }
    }

    private static func read(_ archive: ZipArchive, limits: ExtractLimits) async throws(ExtractError) -> ExtractedPage {
        guard let body = try await archive.part("word/document.xml", maxBytes: maxXMLBytes) else {
            throw .notThatType("the document is not a DOCX: word/document.xml is missing or damaged")
        }
        var page = ExtractedPage()
        let links = try await archive.part("word/_rels/document.xml.rels", maxBytes: 4 << 20).map {
            try? relations($0, limit: limits.links)
        }
        page.links = (links ?? nil) ?? []
        page.text = try text(of: body, limits: limits)
        let properties = try await archive.part("docProps/core.xml", maxBytes: 1 << 20)
        if let properties { (page.title, page.language) = titleAndLanguage(properties) }
        if page.title.isEmpty { page.title = page.text.split(separator: "\n").first.map { Ascii.oneLine($0, limit: 120) } ?? "" }
        return page
    }

    private static func text(of body: [UInt8], limits: ExtractLimits) throws(ExtractError) -> String {
        var writer = WordText(limit: limits.textBytes)
        try XMLText.read(body, what: "the DOCX's text") { writer.take($0) }
        if writer.isFull { throw .tooLarge("the text is larger than \(limits.textBytes >> 20) MiB") }
        return writer.text
    }

    private static func relations(_ part: [UInt8], limit: Int) throws(ExtractError) -> [PageLink] {
        var links: [PageLink] = []
        try XMLText.read(part, what: "the DOCX's links") { event in
            guard case .opened("Relationship", _, let value) = event, value("TargetMode") == "External" else { return true }
            if let url = value("Target").flatMap({ WebAddress.normalise($0) }) {
                links.append(PageLink(url: url, text: "", nofollow: false))
            }
            return links.count < limit
        }
        return links
    }

    private static func titleAndLanguage(_ part: [UInt8]) -> (title: String, language: String?) {
        var values: [String: String] = [:]
        var element = ""
        try? XMLText.read(part, what: "the DOCX's properties") { event in
            switch event {
            case .opened(let name, _, _): element = name
            case .closed: element = ""
            case .text(let text): values[element, default: ""] += text
            }
            return true
        }
        let language = values["language"].map { Ascii.trim($0) } ?? ""
        return (Ascii.oneLine(values["title"] ?? "", limit: 300), language.isEmpty ? nil : language)
    }
}

/// The text of `word/document.xml`: paragraphs as blocks, table cells by tab, no field codes, no fallbacks of drawings.
struct WordText {
    private(set) var text = ""
    private(set) var isFull = false
    private let limit: Int
    private var skipped = 0
    private var isInText = false
    private var cells = 0

    init(limit: Int) {
        self.limit = limit
    }

    mutating func take(_ event: XMLText.Event) -> Bool {
        switch event {
        case .opened(let name, let isEmpty, _): open(name, isEmpty: isEmpty)
        case .closed(let name): close(name)
        case .text(let words): if isInText, skipped == 0 { text += words }
        }
        isFull = text.utf8.count > limit
        return !isFull
    }

    private mutating func open(_ name: String, isEmpty: Bool) {
        switch name {
        case "Fallback", "instrText", "delText": if !isEmpty { skipped += 1 }
        case "t": isInText = !isEmpty
        case "tab": text += "\t"
        case "br", "cr": text += "\n"
        case "tc": cells += isEmpty ? 0 : 1
        case "p" where isEmpty: text += "\n"
        default: break
        }
    }

    private mutating func close(_ name: String) {
        switch name {
        case "Fallback", "instrText", "delText": skipped -= 1
        case "t": isInText = false
        case "p": text += cells > 0 ? " " : "\n\n"
        case "tc":
            cells -= 1
            text += cells > 0 ? " " : "\t"
        case "tr": text += cells > 0 ? " " : "\n"
        case "tbl": text += cells > 0 ? "" : "\n"
        default: break
        }
    }
}

/// Single parts of a zip file, each by one bounded `unzip -p`.
struct ZipArchive {
    let path: String
    let limits: ExtractLimits

    /// Nil where the part is missing or its data are damaged.
    func part(_ name: String, maxBytes: Int) async throws(ExtractError) -> [UInt8]? {
        // An empty password: a protected entry is an error, not a question to a terminal.
        let tool = LimitedTool(name: "unzip", package: "unzip", limits: limits)
        let outcome = try await tool.run(["-p", "-P", "", "--", path, name], outputBytes: maxBytes)
        if outcome.exitCode == 82 || outcome.exitCode == 5 { throw .encrypted }
        return outcome.exitCode == 0 ? outcome.output : nil
    }
}
