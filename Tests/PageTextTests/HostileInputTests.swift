import PageText
import Testing

/// What a stranger may send: it ends, in time, with a page or an error.
@Suite struct HostileInputTests {
    private let extractor = PageExtractor()

    private func quickly<R: Sendable>(_ limit: Duration = .seconds(40), _ body: () async throws -> R) async rethrows -> R {
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

    @Test(.timeLimit(.minutes(1))) func aPageBeforeSuchATagIsKept() async throws {
        let attributes = (0..<20_000).map { " a\($0)" }.joined()
        let filler = String(repeating: "<span class='x y'>more</span> ", count: 1000)
        let page = try await html("<p>These words stand before.</p>\(filler)<p\(attributes)>after</p>")
        #expect(page.text.hasPrefix("These words stand before.\n\nmore more"))
        #expect(!page.text.contains("after"))
    }

    @Test func largeButHonestTagsPass() async throws {
        let image = "<img src='data:image/png;base64,\(String(repeating: "QUJD", count: 100_000))' alt='a b c'>"
        let drawing = "<svg><path d='\(String(repeating: "M 1 2 ", count: 20_000))'/></svg>"
        #expect(try await html("<p>before</p>\(image)\(drawing)<p>after</p>").text == "before\n\nafter")
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

    @Test(.timeLimit(.minutes(1))) func unbrokenTextOfAMegabyte() async throws {
        let chunks = await quickly { Chunks.split(String(repeating: "x", count: 1 << 20)) }
        #expect(chunks.count > 1000)
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
