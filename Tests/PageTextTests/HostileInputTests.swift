import PageText
import Testing

/// What a stranger may send: it ends, in time, with a page or an error.
@Suite struct HostileInputTests {
    private let extractor = PageExtractor()

    private func quickly<R: Sendable>(_ limit: Duration = .seconds(20), _ body: () async throws -> R) async rethrows -> R {
        let start = ContinuousClock.now
        let result = try await body()
        #expect(ContinuousClock.now - start < limit)
        return result
    }

    private func html(_ text: String) async throws -> ExtractedPage {
        try await quickly { try await extractor.extract(Array(text.utf8), as: .html, url: "http://a.example/") }
    }

    @Test(.timeLimit(.minutes(1))) func aHundredThousandNestedElements() async throws {
        #expect(try await html("<title>deep</title>" + String(repeating: "<div>x", count: 100_000)).title == "deep")
        _ = try await html(String(repeating: "<ul><li>", count: 100_000))
        _ = try await html(String(repeating: "<b><i>", count: 100_000) + String(repeating: "</b>", count: 100_000))
    }

    @Test(.timeLimit(.minutes(1))) func aTagWithAMillionAttributes() async throws {
        let attributes = (0..<400_000).map { " a\($0)=1" }.joined()
        _ = try await html("<p\(attributes)>text</p>")
    }

    @Test(.timeLimit(.minutes(1))) func brokenTagsWithoutEnd() async throws {
        for piece in [
            "<", "<a href='", "<!--", "<![CDATA[", "&", "&#x", "</", "<p>", "<table>", "<a href=x>", "<form>", "</p>", "<td>", "<head>",
            "<body>",
        ] {
            _ = try await html(String(repeating: piece, count: 200_000))
        }
    }

    @Test(.timeLimit(.minutes(1))) func aLineOfFiveMegabytes() async throws {
        let line = String(repeating: "word ", count: 1 << 20)
        #expect(try await html("<p>\(line)").text.utf8.count == line.utf8.count - 1)
        let page = try await quickly { try await extractor.extract(Array(line.utf8), as: .text, url: nil) }
        #expect(page.title.count <= 120)
        #expect(Chunks.split(page.text).allSatisfy { $0.text.count <= 1000 })
    }

    @Test(.timeLimit(.minutes(1))) func unbrokenTextOfFiveMegabytes() async throws {
        let chunks = await quickly { Chunks.split(String(repeating: "x", count: 5 << 20)) }
        #expect(chunks.count > 5000)
    }

    @Test func invalidUTF8BecomesReplacementCharacters() async throws {
        let bytes = Array("<p>a".utf8) + [0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80] + Array("b".utf8)
        let page = try await extractor.extract(bytes, as: .html, url: nil, charset: "utf-8")
        #expect(page.text.hasPrefix("a\u{fffd}"))
        #expect(page.text.hasSuffix("b"))
    }

    @Test func nulsNeverReachTheText() async throws {
        let page = try await html("<title>a\u{0}b</title><p>c\u{0}d</p><p>e&#0;f</p><p>\u{1b}[31mred")
        #expect(!page.text.utf8.contains(0) && !page.title.utf8.contains(0))
        #expect(!page.text.unicodeScalars.contains("\u{1b}"))
        #expect(page.text.contains("red"))
    }

    @Test func aLetterCannotCarryAMegabyteOfAccents() async throws {
        let page = try await html("<p>a" + String(repeating: "\u{301}", count: 500_000) + "b")
        #expect(page.text.utf8.count < 100)
    }

    @Test func tooMuchIsRefused() async throws {
        var limits = ExtractLimits()
        limits.inputBytes = 1 << 20
        limits.textBytes = 1000
        let small = PageExtractor(limits: limits)
        await #expect(throws: ExtractError.tooLarge("the document is larger than 1 MiB")) {
            try await small.extract([UInt8](repeating: 0x20, count: (1 << 20) + 1), as: .html, url: nil)
        }
        await #expect(throws: ExtractError.self) {
            try await small.extract(Array(String(repeating: "word ", count: 500).utf8), as: .html, url: nil)
        }
    }
}
