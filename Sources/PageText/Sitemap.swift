/// One `<url>` of a sitemap.
package struct SitemapEntry: Sendable, Hashable {
    package let url: String
    /// The W3C date-time as written.
    package let lastModified: String?

    package init(url: String, lastModified: String?) {
        self.url = url
        self.lastModified = lastModified
    }
}

package enum SitemapContent: Sendable, Hashable {
    case urls([SitemapEntry])
    /// The sitemaps that an index names; an index never names an index.
    case index([String])
}

/// Sitemaps 0.9: XML or one URL a line, gzip accepted; at most 50,000 entries and 50 MB, as the format says.
package enum Sitemap {
    package static let maxEntries = 50_000
    package static let maxBytes = 52_428_800

    @concurrent
    package static func parse(_ bytes: [UInt8], limits: ExtractLimits = .init()) async throws(ExtractError) -> SitemapContent {
        let plain = bytes.starts(with: [0x1f, 0x8b]) ? try await unpack(bytes, limits: limits) : bytes
        guard plain.count <= maxBytes else { throw .tooLarge("the sitemap is larger than 50 MB") }
        let isXML = plain.prefix(512).first { !Ascii.isSpace($0) && ![0xef, 0xbb, 0xbf, 0xff, 0xfe, 0].contains($0) } == 0x3c
        return isXML ? try parseXML(plain) : .urls(lines(plain))
    }

    private static func parseXML(_ bytes: [UInt8]) throws(ExtractError) -> SitemapContent {
        var reader = SitemapReader()
        try XMLText.read(bytes, what: "the sitemap") { reader.take($0) }
        guard let root = reader.root, root == "urlset" || root == "sitemapindex" else {
            throw .notThatType("the document is not a sitemap")
        }
        return root == "urlset" ? .urls(reader.entries) : .index(reader.entries.map(\.url))
    }

    private static func lines(_ bytes: [UInt8]) -> [SitemapEntry] {
        let lines = String(decoding: bytes, as: UTF8.self).split { $0.isNewline }
        return lines.lazy.compactMap { WebAddress.normalise(String($0)) }.prefix(maxEntries).map {
            SitemapEntry(url: $0, lastModified: nil)
        }
    }

    private static func unpack(_ bytes: [UInt8], limits: ExtractLimits) async throws(ExtractError) -> [UInt8] {
        let tool = LimitedTool(name: "gzip", package: "gzip", limits: limits)
        let outcome = try await ScratchFile.with(bytes, name: "sitemap.gz") { path throws(ExtractError) in
            try await tool.run(["-dc", "--", path], outputBytes: maxBytes)
        }
        guard outcome.exitCode == 0 else { throw .notThatType("the sitemap is not a gzip file that can be unpacked") }
        return outcome.output
    }
}

/// Collects `<loc>` and `<lastmod>` of the entries; image and video extensions have a `loc` of their own, deeper down.
struct SitemapReader {
    private(set) var root: String?
    private(set) var entries: [SitemapEntry] = []
    private var path: [String] = []
    private var location = ""
    private var modified = ""

    init() {}

    mutating func take(_ event: XMLText.Event) -> Bool {
        switch event {
        case .opened(let name, let isEmpty, _):
            root = root ?? name
            if !isEmpty { path.append(name) }
        case .text(let text): collect(text)
        case .closed:
            if path.count == 2 { finishEntry() }
            _ = path.popLast()
        }
        return entries.count < Sitemap.maxEntries
    }

    private mutating func collect(_ text: String) {
        guard path.count == 3 else { return }
        if path[2] == "loc", location.utf8.count < 4096 { location += text }
        if path[2] == "lastmod", modified.utf8.count < 100 { modified += text }
    }

    private mutating func finishEntry() {
        if let url = WebAddress.normalise(location), url.utf8.count < 2048 {
            let date = Ascii.trim(modified)
            entries.append(SitemapEntry(url: url, lastModified: date.isEmpty ? nil : date))
        }
        location = ""
        modified = ""
    }
}
