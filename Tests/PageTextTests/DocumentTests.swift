import PageText
import Testing

@Suite(.timeLimit(.minutes(1))) struct DocumentTests {
    private let extractor = PageExtractor()

    private func failure(_ bytes: [UInt8], as type: DocumentType, _ extractor: PageExtractor = PageExtractor()) async -> ExtractError? {
        do {
            _ = try await extractor.extract(bytes, as: type, url: nil)
            return nil
        } catch {
            return error
        }
    }

    private func isNotThatType(_ error: ExtractError?) -> Bool {
        if case .notThatType = error { true } else { false }
    }

    private func isTooLarge(_ error: ExtractError?) -> Bool {
        if case .tooLarge = error { true } else { false }
    }

    @Test func aPDFGivesItsTextAndTitle() async throws {
        let page = try await extractor.extract(SampleFiles.pdf("Hello from a PDF", title: "The title"), as: .pdf, url: nil)
        #expect(page.text == "Hello from a PDF")
        #expect(page.title == "The title")
        #expect(try await extractor.extract(SampleFiles.pdf("First line"), as: .pdf, url: nil).title == "First line")
    }

    @Test func whatIsNotAPDFIsSaidToBeNone() async {
        let error = await failure(Array("<html>not found</html>".utf8), as: .pdf)
        #expect(isNotThatType(error))
        #expect(error?.description.contains("not a PDF") == true)
        #expect(isNotThatType(await failure(Array("%PDF-1.4\nrubbish".utf8), as: .pdf)))
        #expect(isNotThatType(await failure([], as: .pdf)))
    }

    @Test func aPDFWithoutTextSaysWhatIsNeeded() async {
        #expect(await failure(SampleFiles.pdf(""), as: .pdf)?.description.contains("OCR") == true)
    }

    @Test func aDOCXGivesParagraphsTablesTitleAndLinks() async throws {
        let body = """
            <w:p><w:r><w:t>One </w:t></w:r><w:r><w:t xml:space="preserve">&amp; two</w:t><w:tab/><w:t>three</w:t><w:br/><w:t>four</w:t></w:r></w:p>
            <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
            <w:p><w:r><w:instrText>HYPERLINK</w:instrText><w:delText>gone</w:delText><mc:Fallback><w:t>twice</w:t></mc:Fallback><w:t>end</w:t></w:r></w:p>
            """
        let links = #"<Relationship Target="https://Example.org/a#b" TargetMode="External"/><Relationship Target="styles.xml"/>"#
        let file = SampleFiles.docx(body: body, properties: "<dc:title>Report</dc:title><dc:language>en-GB</dc:language>", links: links)
        let page = try await extractor.extract(file, as: .docx, url: nil)
        #expect(page.text == "One & two\tthree\nfour\n\na \tb\n\nend")
        #expect(page.title == "Report")
        #expect(page.language == "en-GB")
        #expect(page.links.map(\.url) == ["https://example.org/a"])
    }

    @Test func whatIsNotADOCXIsSaidToBeNone() async {
        let whole = SampleFiles.docx(body: "<w:p/>")
        for bytes in [[], Array("text".utf8), Array(whole.prefix(60)), SampleFiles.zip([("a.txt", [1])]), SampleFiles.docx(body: "<w:p>")] {
            #expect(isNotThatType(await failure(bytes, as: .docx)))
        }
        #expect(await failure([0xd0, 0xcf, 0x11, 0xe0, 0xa1], as: .docx) == .encrypted)
    }

    @Test func entitiesOfADOCXAreNotExpanded() async {
        let bomb = #"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><w:document xmlns:w="w"><w:t>&b;</w:t></w:document>"#
        #expect(isNotThatType(await failure(SampleFiles.zip([("word/document.xml", Array(bomb.utf8))]), as: .docx)))
    }

    @Test func deeplyNestedXMLIsRefused() async {
        #expect(isNotThatType(await failure(SampleFiles.docx(body: String(repeating: "<w:p>", count: 50_000)), as: .docx)))
    }

    @Test func aZipBombEndsAtTheLimit() async {
        let bomb = SampleFiles.output(
            of: """
                d=$(mktemp -d) && cd $d && mkdir word && head -c 200000000 /dev/zero > word/document.xml && zip -q b word/document.xml && cat b.zip
                rm -r $d
                """)
        #expect(bomb.count > 10_000)
        #expect(isTooLarge(await failure(bomb, as: .docx)))
    }

    @Test func anExtractionThatTakesTooLongIsEnded() async {
        var limits = ExtractLimits()
        limits.toolTime = .milliseconds(1)
        #expect(
            await failure(SampleFiles.pdf("x"), as: .pdf, PageExtractor(limits: limits)).map {
                if case .timedOut = $0 { true } else { false }
            } == true)
    }

    @Test func aCancelledExtractionSaysSo() async {
        let task = Task { await failure(SampleFiles.pdf("x"), as: .pdf) }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test func markdownLosesItsFrontMatterAndKeepsItsText() async throws {
        let source =
            "---\ntitle: \"From the front\"\nlang: fr\n---\n# Heading #\n\nSee [the *guide*](guide.md#x) and <https://a.example>.\n```\n# no\n```\n"
        let page = try await extractor.extract(Array(source.utf8), as: .markdown, url: "https://b.example/docs/a.md")
        #expect(page.title == "From the front")
        #expect(page.language == "fr")
        #expect(page.text.hasPrefix("# Heading #"))
        #expect(page.links.map(\.url) == ["https://b.example/docs/guide.md", "https://a.example/"])
        #expect(page.links.first?.text == "the *guide*")
    }

    @Test(arguments: [
        ("# One #\ntext", "One"), ("Two\n===\n", "Two"), ("```\n# no\n```\n# Three", "Three"), ("text", ""), ("---\nopen", ""),
    ])
    func markdownIsNamedByItsHeading(source: String, title: String) async throws {
        #expect(try await extractor.extract(Array(source.utf8), as: .markdown, url: nil).title == title)
    }

    @Test func plainTextKeepsItsLines() async throws {
        let page = try await extractor.extract(
            Array("\u{feff}\r\n First line\r\nsecond\r\n\r\n\r\n\r\nthird  \n".utf8), as: .text, url: nil)
        #expect(page.text == " First line\nsecond\n\nthird")
        #expect(page.title == "First line")
    }

    @Test func binaryDataIsNotText() async {
        #expect(isNotThatType(await failure([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1], as: .text)))
    }
}
