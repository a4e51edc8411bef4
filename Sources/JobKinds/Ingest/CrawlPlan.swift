/// A crawl's input, checked: where it begins, where it may go, how much, how fast.
import JobModel
import PageText

struct CrawlPlan: Sendable {
    let start: WebAddress
    let allowedDomains: [String]
    let maxPages: Int
    let maxDepth: Int
    /// Between two starts of fetches to one host; robots.txt may ask for more.
    let delay: Duration
    let respectsRobots: Bool
    let usesSitemap: Bool

    static let shape = InputShape([
        .init("url", .url, required: true, "where to begin"),
        .init(
            "allow_domains", .texts(maxCount: 100, maxLength: 255), standard: [],
            "further hosts or domains to follow links to, with everything below them; the site of url always is"),
        .init("max_pages", .integer(1...10_000), standard: 10, "how many pages to store at most"),
        .init("max_depth", .integer(0...50), standard: 5, "how many links away from url; 0 is the page alone"),
        .init(
            "delay_ms", .integer(0...60_000),
            "pause between two fetches from one host; 100 unless given (0 on this machine), longer where robots.txt asks for it"),
        .init("respect_robots", .boolean, standard: true, "keep to robots.txt"),
        .init("use_sitemap", .boolean, standard: true, "also fetch pages that only the sitemap names, after those that links lead to"),
    ])

    init(_ input: JSONValue) throws(JobFailure) {
        guard let start = input["url"]?.string.flatMap({ WebAddress($0) }) else {
            throw .permanent("url is not an http or https address that can be fetched", type: "invalid_input")
        }
        self.start = start
        allowedDomains = input["allow_domains"]?.array?.compactMap { $0.string.flatMap(Self.domain) } ?? []
        maxPages = input["max_pages"]?.integer ?? 10
        maxDepth = input["max_depth"]?.integer ?? 5
        delay = .milliseconds(input["delay_ms"]?.integer ?? (Self.isThisMachine(start.host) ? 0 : 100))
        respectsRobots = input["respect_robots"]?.boolean ?? true
        usesSitemap = input["use_sitemap"]?.boolean ?? true && maxDepth > 0
    }

    /// Addresses that are remembered at most, fetched or not: bounds memory, and the links that steps keep.
    var maxKnown: Int { min(100_000, max(2_000, maxPages * 50)) }

    /// Fetches at most, stored or not: a site of nothing but errors ends too.
    var maxVisits: Int { max(200, maxPages * 5) }

    func allows(_ address: WebAddress) -> Bool {
        address.isSameSite(as: start) || allowedDomains.contains { address.belongs(toDomain: $0) }
    }

    /// People write `https://docs.example.org/` and `*.example.org` too.
    private static func domain(_ text: String) -> String? {
        let bare = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
        return WebAddress(bare)?.host ?? WebAddress("http://\(bare)")?.host
    }

    private static func isThisMachine(_ host: String) -> Bool {
        host == "localhost" || host == "[::1]" || host.hasPrefix("127.")
    }
}
