import PageText
import Testing

@Suite struct DocumentTypeTests {
    @Test(
        arguments: [
            ("text/html; charset=utf-8", "x.pdf", DocumentType.html), ("application/pdf", nil, .pdf), ("TEXT/Markdown", nil, .markdown),
            ("text/plain", "README.md", .markdown), ("text/plain", "page.html", .text), (nil, "a/b.htm?x=y.pdf", .html),
            (nil, "notes.TXT", .text),
            ("application/octet-stream", "a.docx", .docx), (nil, nil, .text), ("image/png", "a.html", nil), ("application/json", nil, nil),
        ] as [(String?, String?, DocumentType?)])
    func theServersWordThenTheNameDecide(contentType: String?, name: String?, type: DocumentType?) {
        #expect(DocumentType.detect(contentType: contentType, name: name, bytes: Array("words".utf8)) == type)
    }

    @Test func signaturesWinOverWords() {
        #expect(DocumentType.detect(contentType: "text/html", name: "a.txt", bytes: SampleFiles.pdf("x")) == .pdf)
        #expect(DocumentType.detect(contentType: "application/zip", name: nil, bytes: SampleFiles.docx(body: "")) == .docx)
    }

    @Test func bytesAreLookedAtLast() {
        #expect(DocumentType.detect(contentType: nil, name: nil, bytes: Array(" <!DOCTYPE HTML><p>".utf8)) == .html)
        #expect(DocumentType.detect(contentType: nil, name: "/x", bytes: [1, 0, 2]) == nil)
        #expect(DocumentType.detect(contentType: nil, name: nil, bytes: []) == nil)
    }

    @Test func imagesNeedNotBeFetched() {
        #expect(!DocumentType.mayBe(contentType: "image/png"))
        #expect(
            DocumentType.mayBe(contentType: nil) && DocumentType.mayBe(contentType: "text/html;x")
                && DocumentType.mayBe(contentType: "application/octet-stream"))
    }
}
