/// `web_crawl`: a site's pages into documents, chunks and vectors, breadth first. Reads top to bottom.
/// `CrawlPlan` knows the input, `CrawlFrontier` what to fetch next, `PageVisit` does one page, `CrawlTally` adds up.
import JobModel
import PageText

struct CrawlWeb: JobHandler {
    static let kind: JobKind = JobKind(
        name: "web_crawl", summary: "Crawls a site and stores its pages as chunks with embeddings", queue: "ingest", input: CrawlPlan.shape,
        timeoutMilliseconds: 3_600_000, estimatedMilliseconds: 60_000)

    var kind: JobKind { Self.kind }
    /// Fetches under way at once within one job; the delay for each host holds all the same.
    private static let maxVisits = 4

    private let rooms: KindRooms
    private let store: PageStore

    init(_ rooms: KindRooms, store: PageStore) {
        self.rooms = rooms
        self.store = store
    }

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let plan = try CrawlPlan(context.input)
        let frontier = CrawlFrontier(plan)
        var tally = CrawlTally(plan)
        let rules = SiteRules(rooms, respectsRobots: plan.respectsRobots)
        try await tally.tell("robots", "robots.txt of \(plan.start.host)", in: context)
        _ = try await rules.robots(for: plan.start)
        if plan.usesSitemap {
            try await tally.tell("sitemap", "sitemap of \(plan.start.host)", in: context)
            frontier.addLate(try await SiteMapReader(rooms, rules: rules).addresses(of: plan.start, limit: plan.maxKnown))
        }
        let visit = PageVisit(rooms: rooms, store: store, plan: plan, frontier: frontier, rules: rules, context: context)
        try await crawl(visit, &tally)
        try tally.failIfNothingCouldBeHad()
        return tally.result(rooms, knownIsFull: frontier.isFull)
    }

    /// Keeps up to four visits going until enough pages are stored or none is left; ends them all on the first failure.
    private func crawl(_ visit: PageVisit, _ tally: inout CrawlTally) async throws(JobFailure) {
        var sum = tally
        let failure = await withTaskGroup(of: Result<PageOutcome, JobFailure>.self) { group -> JobFailure? in
            do throws(JobFailure) {
                var running = 0
                while true {
                    while running < Self.maxVisits, sum.wantsMore(running: running), let next = visit.frontier.next() {
                        group.addTask { await visit.outcome(of: next) }
                        running += 1
                    }
                    guard let ended = await group.next() else { return nil }
                    running -= 1
                    try await sum.add(try ended.get(), waiting: visit.frontier.waiting + running, in: visit.context)
                }
            } catch {
                group.cancelAll()
                return error
            }
        }
        tally = sum
        if let failure { throw failure }
    }
}
