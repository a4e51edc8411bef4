/// robots.txt as RFC 9309 reads it. What a failed fetch of it means (4xx: allow all, 5xx: disallow all) is the crawler's to say.
package struct Robots: Sendable {
    /// The RFC asks for 500 KiB at least; what comes after is not read.
    package static let maxBytes = 500 << 10
    package static let allowAll = Robots(groups: [:], sitemaps: [])

    /// Absolute addresses of `Sitemap:` lines, at most 100.
    package let sitemaps: [String]
    private let groups: [String: Group]

    struct Rule: Sendable {
        let pattern: [UInt8]
        let allows: Bool

        init(pattern: String, allows: Bool) {
            self.pattern = Array(PercentEncoding.normalised(pattern, keeping: PercentEncoding.queryBytes).utf8)
            self.allows = allows
        }
    }

    struct Group: Sendable {
        var rules: [Rule] = []
        var crawlDelay: Double?
    }

    private init(groups: [String: Group], sitemaps: [String]) {
        self.groups = groups
        self.sitemaps = sitemaps
    }

    /// Never fails: lines that say nothing known are skipped.
    package init(parsing bytes: [UInt8]) {
        var parser = RobotsParser()
        let text = String(decoding: bytes.prefix(Self.maxBytes), as: UTF8.self)
        for line in text.unicodeScalars.split(whereSeparator: { $0 == "\n" || $0 == "\r" }) { parser.read(String(line)) }
        self.init(groups: parser.groups, sitemaps: parser.sitemaps)
    }

    /// `address` is a whole URL or a path; the longest matching rule decides, and of equals the allowing one.
    package func allows(_ address: String, agent: String) -> Bool {
        let target = WebAddress(address)?.pathAndQuery ?? WebAddress(address, relativeTo: WebAddress("http://host/"))?.pathAndQuery
        guard let target else { return false }
        guard target != "/robots.txt", let group = group(for: agent) else { return true }
        let path = Array(PercentEncoding.normalised(target, keeping: PercentEncoding.queryBytes).utf8)
        var best: Rule?
        for rule in group.rules where rule.pattern.count >= best?.pattern.count ?? 0 {
            if rule.pattern.count == best?.pattern.count, !rule.allows { continue }
            if RobotsPattern.matches(rule.pattern, path) { best = rule }
        }
        return best?.allows ?? true
    }

    /// Seconds between two requests, as the site asks; not capped here.
    package func crawlDelay(agent: String) -> Double? {
        group(for: agent)?.crawlDelay
    }

    private func group(for agent: String) -> Group? {
        groups[RobotsParser.token(agent)] ?? groups["*"]
    }
}

/// Reads lines into groups: user-agent lines that follow one another share the rules after them; groups of one token are merged.
struct RobotsParser {
    private(set) var groups: [String: Robots.Group] = [:]
    private(set) var sitemaps: [String] = []
    private var agents: [String] = []
    private var agentsAreOpen = false

    init() {}

    mutating func read(_ line: String) {
        let content = line.prefix { $0 != "#" }
        guard let colon = content.firstIndex(of: ":") else { return }
        let key = Ascii.trim(content[..<colon].drop { $0 == "\u{feff}" }).lowercased()
        let value = Ascii.trim(content[content.index(after: colon)...])
        switch key {
        case "user-agent", "useragent": open(value)
        case "allow": add(value, allows: true)
        case "disallow", "dissallow": add(value, allows: false)
        case "crawl-delay": setDelay(value)
        case "sitemap":
            if sitemaps.count < 100, let url = WebAddress(value) { sitemaps.append(url.description) }
        default: break
        }
    }

    /// `Tidewheel/1.0 (+https://…)` is the product token `tidewheel`.
    static func token(_ agent: String) -> String {
        if agent.hasPrefix("*") { return "*" }
        return String(decoding: agent.utf8.prefix { Ascii.isLetter($0) || $0 == 0x2d || $0 == 0x5f }.map(Ascii.lower), as: UTF8.self)
    }

    private mutating func open(_ value: String) {
        if !agentsAreOpen { agents = [] }
        agentsAreOpen = true
        let token = Self.token(value)
        guard !token.isEmpty, agents.count < 1000, groups.count < 10_000 else { return }
        agents.append(token)
        groups[token, default: Robots.Group()] = groups[token] ?? Robots.Group()
    }

    private mutating func add(_ pattern: String, allows: Bool) {
        agentsAreOpen = false
        guard let first = pattern.utf8.first, first == 0x2f || first == 0x2a, pattern.utf8.count <= 2048 else { return }
        let rule = Robots.Rule(pattern: pattern, allows: allows)
        for agent in agents { groups[agent]?.rules.append(rule) }
    }

    private mutating func setDelay(_ value: String) {
        agentsAreOpen = false
        guard let seconds = Double(value), seconds.isFinite, seconds >= 0 else { return }
        for agent in agents { groups[agent]?.crawlDelay = seconds }
    }
}

/// `*` is any run of bytes, a final `$` the end. Never backtracks over more than the last star, so the cost is at most pattern × path.
enum RobotsPattern {
    static func matches(_ pattern: [UInt8], _ path: [UInt8]) -> Bool {
        let isAnchored = pattern.last == 0x24
        // Without an anchor the pattern matches a beginning, which is the same as ending in a star.
        let glob = isAnchored ? pattern.dropLast() : pattern + [0x2a]
        var at = 0
        var inPattern = glob.startIndex
        var star: (pattern: Int, path: Int)?
        while at < path.count {
            if inPattern < glob.endIndex, glob[inPattern] == 0x2a {
                if inPattern == glob.endIndex - 1 { return true }
                star = (inPattern, at)
                inPattern += 1
            } else if inPattern < glob.endIndex, glob[inPattern] == path[at] {
                inPattern += 1
                at += 1
            } else if let last = star {
                inPattern = last.pattern + 1
                at = last.path + 1
                star = (last.pattern, at)
            } else {
                return false
            }
        }
        return glob[inPattern...].allSatisfy { $0 == 0x2a }
    }
}
