/// Documents to text. One call is one document; nothing is kept between calls.
/// HTML is parsed here; PDF and DOCX are opened by limited programs of their own (`LimitedTool`).
package struct PageExtractor: Sendable {
    package let limits: ExtractLimits

    package init(limits: ExtractLimits = .init()) {
        self.limits = limits
    }

    /// `url` is what relative links are resolved against; `charset` what the server or the caller said.
    @concurrent
    package func extract(
        _ bytes: [UInt8], as type: DocumentType, url: String? = nil, charset: String? = nil
    ) async throws(ExtractError) -> ExtractedPage {
        guard bytes.count <= limits.inputBytes else { throw .tooLarge("the document is larger than \(limits.inputBytes >> 20) MiB") }
        var page =
            switch type {
            case .html:
                HTMLPage.read(Charset.decode(bytes, declared: charset, inside: Charset.declaredInHTML(bytes)), url: url, limits: limits)
            case .pdf: try await PDFDocument.read(bytes, limits: limits)
            case .docx: try await WordDocument.read(bytes, limits: limits)
            case .markdown: MarkdownPage.read(Charset.decode(bytes, declared: charset), url: url, limits: limits)
            case .text: try PlainText.read(bytes, charset: charset)
            }
        guard page.text.utf8.count <= limits.textBytes else { throw .tooLarge("the text is larger than \(limits.textBytes >> 20) MiB") }
        page.text = TidyText.tidied(page.text)
        page.title = Ascii.oneLine(TidyText.tidied(page.title), limit: 300)
        return page
    }

    /// The `charset` of a content type header, for `extract`.
    package static func charset(ofContentType contentType: String?) -> String? {
        contentType.flatMap(Charset.parameter)
    }
}

enum PlainText {
    static func read(_ bytes: [UInt8], charset: String?) throws(ExtractError) -> ExtractedPage {
        let text = Charset.decode(bytes, declared: charset)
        // A NUL in what is not UTF-16 is a binary file's.
        guard !text.utf8.prefix(4096).contains(0) else { throw .notThatType("the document is not text: it holds binary data") }
        var page = ExtractedPage()
        page.text = text
        let first = text.prefix(2000).split { $0.isNewline }.first { line in line.contains { !$0.isWhitespace } }
        page.title = first.map { Ascii.oneLine($0, limit: 120) } ?? ""
        return page
    }
}
