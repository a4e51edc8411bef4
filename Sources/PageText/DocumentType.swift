/// What a document is, decided from its content type, its name and its first bytes.
/// `PageExtractor` is given the answer; the kinds decide what to do when there is none.
package enum DocumentType: String, Sendable, CaseIterable {
    case html
    case pdf
    case docx
    case markdown = "md"
    case text = "txt"

    /// Signatures win over what a server says; a server's word wins over the name; the look of the bytes comes last.
    package static func detect(contentType: String?, name: String?, bytes: [UInt8]) -> DocumentType? {
        if let sure = signed(bytes) { return sure }
        if let told = declared(contentType) { return told == .text ? named(name).flatMap(plain) ?? .text : told }
        if contentType.map(isVague) == false { return nil }
        return named(name) ?? looked(bytes)
    }

    /// Whether a content type, as a server sends it, can be one of these: asked before a body is read.
    package static func mayBe(contentType: String?) -> Bool {
        guard let contentType else { return true }
        return declared(contentType) != nil || isVague(contentType)
    }

    private static func signed(_ bytes: [UInt8]) -> DocumentType? {
        if bytes.prefix(1024).firstRange(of: Array("%PDF-".utf8)) != nil { return .pdf }
        guard bytes.starts(with: Array("PK\u{3}\u{4}".utf8)) else { return nil }
        return bytes.prefix(65536).firstRange(of: Array("word/".utf8)) != nil ? .docx : nil
    }

    private static func declared(_ contentType: String?) -> DocumentType? {
        switch mediaType(contentType ?? "") {
        case "text/html", "application/xhtml+xml": .html
        case "application/pdf", "application/x-pdf": .pdf
        case "application/vnd.openxmlformats-officedocument.wordprocessingml.document": .docx
        case "text/markdown", "text/x-markdown": .markdown
        case "text/plain", "text/x-rst", "text/csv": .text
        default: nil
        }
    }

    private static func isVague(_ contentType: String) -> Bool {
        ["", "application/octet-stream", "binary/octet-stream", "application/zip", "application/x-download"].contains(
            mediaType(contentType))
    }

    private static func mediaType(_ contentType: String) -> String {
        Ascii.trim(contentType.prefix { $0 != ";" }).lowercased()
    }

    private static func named(_ name: String?) -> DocumentType? {
        guard let name else { return nil }
        let path = name.prefix { $0 != "?" && $0 != "#" }
        let file = path.split(separator: "/").last ?? ""
        guard file.contains("."), let ending = file.split(separator: ".").last else { return nil }
        switch ending.lowercased() {
        case "html", "htm", "xhtml": return .html
        case "pdf": return .pdf
        case "docx": return .docx
        case "md", "markdown", "mdown": return .markdown
        case "txt", "text", "rst", "log", "csv": return .text
        default: return nil
        }
    }

    /// Servers send Markdown as text/plain: there the name decides, but only among kinds of plain text.
    private static func plain(_ type: DocumentType) -> DocumentType? {
        type == .markdown ? .markdown : nil
    }

    private static func looked(_ bytes: [UInt8]) -> DocumentType? {
        let head = String(decoding: bytes.prefix(1024), as: UTF8.self).lowercased()
        if head.contains("<!doctype html") || head.contains("<html") || head.contains("<head") || head.contains("<body") { return .html }
        return bytes.isEmpty || bytes.prefix(4096).contains(0) ? nil : .text
    }
}
