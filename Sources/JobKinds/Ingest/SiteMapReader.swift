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
        do {
            let response = try await rooms.fetcher.fetch(.small(url, maxBytes: 8 << 20))
            guard response.status == 200 else { return nil }
            return try await Sitemap.parse(try await response.body.collect(), limits: rooms.extractor.limits)
        } catch FetchError.cancelled {
            throw .cancelled
        } catch ExtractError.cancelled {
            throw .cancelled
        } catch {
            return nil
        }
    }
}
