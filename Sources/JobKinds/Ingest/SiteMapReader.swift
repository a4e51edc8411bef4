/// The addresses that a site's sitemaps name: those of robots.txt, else /sitemap.xml. A sitemap that cannot be read is none.
import JobModel
import PageText
import WebFetch

struct SiteMapReader {
    private static let maxFiles = 20

    private let rooms: KindRooms
    private let rules: SiteRules

    init(_ rooms: KindRooms, rules: SiteRules) {
        self.rooms = rooms
        self.rules = rules
    }

    func addresses(of start: WebAddress, limit: Int) async throws(JobFailure) -> [WebAddress] {
        var named: [String] = []
        if case .known(let robots) = try await rules.robots(for: start) { named = robots.sitemaps }
        var waiting = named.isEmpty ? [start.origin + "/sitemap.xml"] : named
        var found: [WebAddress] = []
        var read = 0
        while !waiting.isEmpty, read < Self.maxFiles, found.count < limit {
            read += 1
            switch try await content(of: waiting.removeFirst()) {
            case .urls(let entries): found += entries.prefix(limit - found.count).compactMap { WebAddress($0.url) }
            // An index in an index is not in the format; the number of files is bounded all the same.
            case .index(let files): waiting += files.prefix(Self.maxFiles)
            case nil: break
            }
        }
        return found
    }

    private func content(of url: String) async throws(JobFailure) -> SitemapContent? {
        guard let address = WebAddress(url) else { return nil }
        try await rules.turn(at: address, delay: .zero)
        guard let bytes = try await fetch(url) else { return nil }
        do { return try await Sitemap.parse(bytes, limits: rooms.extractor.limits) } catch {
            if error == .cancelled { throw .cancelled }
            return nil
        }
    }

    private func fetch(_ url: String) async throws(JobFailure) -> [UInt8]? {
        do throws(FetchError) {
            let response = try await rooms.fetcher.fetch(.small(url, maxBytes: 16 << 20))
            return response.status == 200 ? try await response.body.collect() : nil
        } catch {
            if let end = error.end { throw end }
            return nil
        }
    }
}
