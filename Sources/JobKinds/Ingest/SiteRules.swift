/// robots.txt of every origin that a crawl meets, fetched once, and the pauses that hosts are owed.
/// RFC 9309: a missing file allows everything, an unreachable one nothing.
import JobModel
import PageText
import WebFetch

actor SiteRules {
    enum Rules: Sendable {
        case known(Robots)
        /// Why it could not be fetched.
        case unreachable(String)
    }

    private static let maxDelay = 10.0

    private let rooms: KindRooms
    private let respectsRobots: Bool
    private var rules: [String: Rules] = [:]
    private var nextStart: [String: ContinuousClock.Instant] = [:]

    init(_ rooms: KindRooms, respectsRobots: Bool) {
        self.rooms = rooms
        self.respectsRobots = respectsRobots
    }

    /// Nil where the page may be fetched.
    func refusal(of address: WebAddress) async throws(JobFailure) -> SkipReason? {
        switch try await robots(for: address) {
        case .known(let robots):
            robots.allows(address.description, agent: rooms.userAgent) ? nil : .robots("robots.txt of \(address.host) forbids the page")
        case .unreachable(let why):
            .robotsUnreachable("robots.txt of \(address.host) could not be fetched (\(why)), which forbids the site for now")
        }
    }

    func robots(for address: WebAddress) async throws(JobFailure) -> Rules {
        guard respectsRobots else { return .known(.allowAll) }
        if let known = rules[address.origin] { return known }
        let fetched = try await fetch(address.origin)
        rules[address.origin] = fetched
        return fetched
    }

    /// Returns when the host's next fetch may start. Each caller is given a later moment.
    func turn(at address: WebAddress, delay: Duration) async throws(JobFailure) {
        let now = ContinuousClock.now
        let start = max(now, nextStart[address.origin] ?? now)
        nextStart[address.origin] = start + max(delay, askedDelay(address))
        guard start > now else { return }
        do { try await ContinuousClock().sleep(until: start) } catch { throw .cancelled }
    }

    private func askedDelay(_ address: WebAddress) -> Duration {
        guard case .known(let robots) = rules[address.origin], let seconds = robots.crawlDelay(agent: rooms.userAgent) else { return .zero }
        return .milliseconds(Int(min(seconds, Self.maxDelay) * 1000))
    }

    private func fetch(_ origin: String) async throws(JobFailure) -> Rules {
        do throws(FetchError) {
            let response = try await rooms.fetcher.fetch(.small(origin + "/robots.txt"))
            switch response.status {
            case 200..<300: return .known(Robots(parsing: try await response.body.first(Robots.maxBytes)))
            case 500...: return .unreachable("HTTP \(response.status)")
            default: return .known(.allowAll)
            }
        } catch {
            if let end = error.end { throw end }
            // A host that may not be fetched from, or that redirects in circles, has no rules: the page's own fetch says what is wrong.
            return error.isTransient ? .unreachable(error.description) : .known(.allowAll)
        }
    }
}

extension FetchRequest {
    /// For the small files around a site.
    static func small(_ url: String, maxBytes: Int = 1 << 20) -> FetchRequest {
        var limits = FetchLimits()
        limits.totalTimeout = .seconds(15)
        limits.idleTimeout = .seconds(10)
        limits.maxBodyBytes = maxBytes
        return FetchRequest(url: url, limits: limits)
    }
}

extension FetchBody {
    /// The first bytes; the rest is not received.
    func first(_ limit: Int) async throws(FetchError) -> [UInt8] {
        var bytes: [UInt8] = []
        for try await piece in self {
            bytes += piece
            if bytes.count >= limit { return Array(bytes.prefix(limit)) }
        }
        return bytes
    }
}
