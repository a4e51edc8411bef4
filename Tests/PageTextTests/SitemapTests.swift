import PageText
import Testing

@Suite(.timeLimit(.minutes(1))) struct SitemapTests {
    private let one = """
        <?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="http://i"><url><loc> http://e.org/a?b=1&amp;c=2
        </loc><lastmod>2026-01-02</lastmod><i:image><i:loc>http://e.org/image.png</i:loc></i:image></url><url><loc>/relative</loc></url>
        <url><loc><![CDATA[http://e.org/c]]></loc></url></urlset>
        """

    private func isNotThatType(_ bytes: [UInt8]) async -> Bool {
        do {
            _ = try await Sitemap.parse(bytes)
            return false
        } catch {
            if case .notThatType = error { return true } else { return false }
        }
    }

    private let entries = SitemapContent.urls([
        SitemapEntry(url: "http://e.org/a?b=1&c=2", lastModified: "2026-01-02"), SitemapEntry(url: "http://e.org/c", lastModified: nil),
    ])

    @Test func addressesAndDatesAreRead() async throws {
        #expect(try await Sitemap.parse(Array(one.utf8)) == entries)
    }

    @Test func anIndexNamesSitemaps() async throws {
        let index = "<sitemapindex><sitemap><loc>http://e.org/1.xml.gz</loc></sitemap><sitemap><loc>x</loc></sitemap></sitemapindex>"
        #expect(try await Sitemap.parse(Array(index.utf8)) == .index(["http://e.org/1.xml.gz"]))
    }

    @Test func oneAddressALineIsASitemapToo() async throws {
        #expect(
            try await Sitemap.parse(Array("http://e.org/a\r\n\r\nno\nhttp://e.org/b".utf8))
                == .urls(["a", "b"].map { SitemapEntry(url: "http://e.org/\($0)", lastModified: nil) }))
    }

    @Test func gzipIsUnpacked() async throws {
        let packed = SampleFiles.output(of: "printf %s '\(one)' | gzip -c")
        #expect(try await Sitemap.parse(packed) == entries)
        #expect(await isNotThatType(Array(packed.prefix(40))))
    }

    @Test func aGzipBombEndsAtTheLimit() async {
        let bomb = SampleFiles.output(of: "head -c 100000000 /dev/zero | gzip -c")
        #expect(bomb.count > 10_000)
        await #expect(throws: ExtractError.self) { try await Sitemap.parse(bomb) }
    }

    @Test func entriesAreBounded() async throws {
        let many = "<urlset>" + (0..<60_000).map { "<url><loc>http://e.org/\($0)</loc></url>" }.joined() + "</urlset>"
        guard case .urls(let list) = try await Sitemap.parse(Array(many.utf8)) else {
            throw ExtractError.unreadable("not a list of addresses")
        }
        #expect(list.count == Sitemap.maxEntries)
    }

    @Test func whatIsNoSitemapIsSaidToBeNone() async {
        for text in [
            "<html><body>404</body></html>", "<urlset><url>",
            "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>&e;</loc></url></urlset>",
        ] {
            #expect(await isNotThatType(Array(text.utf8)))
        }
    }
}
