import PageText
import Testing

@Suite struct CharsetTests {
    private func text(_ bytes: [UInt8], as type: DocumentType = .text, declared: String? = nil) async throws -> String {
        try await PageExtractor().extract(bytes, as: type, url: nil, charset: declared).text
    }

    @Test func theByteOrderMarkComesFirst() async throws {
        #expect(try await text([0xef, 0xbb, 0xbf, 0xc3, 0xa9], declared: "latin1") == "é")
        #expect(try await text([0xff, 0xfe, 0xe9, 0, 0x61, 0]) == "éa")
        #expect(try await text([0xfe, 0xff, 0, 0xe9, 0xd8, 0x3d, 0xde, 0x00]) == "é😀")
    }

    @Test func thenWhatTheServerSays() async throws {
        #expect(try await text([0xe9, 0x80], declared: "ISO-8859-1") == "é€")
        #expect(try await text([0x82, 0xb1], declared: "Shift_JIS") == "こ")
        #expect(try await text([0xcf, 0xf0], declared: "windows-1251") == "Пр")
        #expect(try await text([0xc4, 0xe3], declared: "gb2312") == "你")
        #expect(try await text([0xa4], declared: "iso-8859-15") == "€")
    }

    @Test func thenWhatThePageSays() async throws {
        for meta in ["<meta charset=koi8-r>", "<META http-equiv='Content-Type' content='text/html; charset=KOI8-R'>"] {
            #expect(try await text(Array(meta.utf8) + Array("<p>".utf8) + [0xf0], as: .html) == "П")
        }
        #expect(try await text(Array("<meta charset=koi8-r><p>é".utf8), as: .html, declared: "utf-8") == "é")
    }

    @Test func thenUTF8ThenWindows1252() async throws {
        #expect(try await text(Array("é€😀".utf8)) == "é€😀")
        #expect(try await text([0x93, 0xe9, 0x94]) == "“é”")
    }

    @Test func unknownNamesAreIgnored() async throws {
        for name in ["utf-7", "../../etc/passwd", "no-such", "", "UTF-8//TRANSLIT"] {
            #expect(try await text(Array("é".utf8), declared: name) == "é")
        }
    }

    @Test func bytesWithoutMeaningAreMarked() async throws {
        #expect(try await text([0x61, 0x81, 0x62], declared: "windows-1252") == "a\u{fffd}b")
        #expect(try await text([0x61, 0x82], declared: "shift_jis") == "a\u{fffd}")
        #expect(try await text([0xff, 0xfe, 0x61, 0, 0x62]) == "a\u{fffd}")
    }

    @Test func theParameterOfAContentTypeIsFound() {
        #expect(PageExtractor.charset(ofContentType: "text/html; Charset=\"UTF-8\"; x=y") == "utf-8")
        #expect(PageExtractor.charset(ofContentType: "text/html") == nil)
        #expect(PageExtractor.charset(ofContentType: nil) == nil)
    }
}
