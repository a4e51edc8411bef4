/// What a crawl has done so far: its numbers, its progress, and in the end its result.
import JobModel
import PageText

struct CrawlTally: Sendable {
    private static let maxListed = 200

    private let plan: CrawlPlan
    private let begin = ContinuousClock.now
    private(set) var pages = 0
    private var chunks = 0
    private var vectors = 0
    private var bytes = 0
    private var skipped = 0
    private var listed: [JSONValue] = []
    private var byReason: [String: Int64] = [:]
    private var startFailure: SkipReason?
    private var percent = 0.0

    init(_ plan: CrawlPlan) {
        self.plan = plan
    }

    /// With the visits under way counted as if they were stored: never more pages than asked for.
    func wantsMore(running: Int) -> Bool {
        pages + running < plan.maxPages && pages + skipped + running < plan.maxVisits
    }

    func tell(_ step: String, _ message: String, in context: JobContext, url: String? = nil) async throws(JobFailure) {
        var fields: [String: JSONValue] = ["pages_crawled": .integer(Int64(pages)), "chunks_created": .integer(Int64(chunks))]
        if let url { fields["page_url"] = .string(url) }
        try await context.progress(percent, step: step, message, fields: fields)
    }

    /// `waiting` pages are known of and not yet visited. The percentage never falls, though the number of known pages grows.
    mutating func add(_ outcome: PageOutcome, waiting: Int, in context: JobContext) async throws(JobFailure) {
        switch outcome {
        case .stored(let page):
            count(page)
            advance(waiting)
            let goal = min(plan.maxPages, pages + waiting)
            try await tell("store", "page \(pages) of \(goal): \(page.title.isEmpty ? page.url : page.title)", in: context, url: page.url)
        case .skipped(let url, let reason, let isStart, let bytes):
            count(url, reason, bytes: bytes)
            if isStart { startFailure = reason }
            advance(waiting)
            try await tell("fetch", "skipped: \(reason.detail)", in: context, url: url)
        }
    }

    private mutating func count(_ page: StoredPage) {
        pages += 1
        chunks += page.chunks
        vectors += page.vectors
        bytes += page.bytes
    }

    private mutating func count(_ url: String, _ reason: SkipReason, bytes: Int) {
        skipped += 1
        self.bytes += bytes
        byReason[reason.code, default: 0] += 1
        guard listed.count < Self.maxListed else { return }
        listed.append(["url": .string(url), "reason": .string(reason.code), "detail": .string(reason.detail)])
    }

    private mutating func advance(_ waiting: Int) {
        let goal = min(plan.maxPages, pages + waiting)
        percent = max(percent, goal == 0 ? 0 : min(99, 100 * Double(pages) / Double(goal)))
    }

    /// A start page that could not be had fails the job, unless the sitemap led to others.
    func failIfNothingCouldBeHad() throws(JobFailure) {
        guard pages == 0, let startFailure, !startFailure.isDeliberate else { return }
        throw startFailure.failure("The start page could not be crawled")
    }

    func result(_ rooms: KindRooms, knownIsFull: Bool) -> JSONValue {
        var members: [String: JSONValue] = [
            "start_url": .string(plan.start.description), "pages_crawled": .integer(Int64(pages)),
            "chunks_created": .integer(Int64(chunks)),
            "vectors_stored": .integer(Int64(vectors)), "pages_skipped": .integer(Int64(skipped)), "skipped": .array(listed),
            "skipped_by_reason": .object(byReason.mapValues { .integer($0) }), "bytes_fetched": .integer(Int64(bytes)),
            "duration_ms": .integer(begin.duration(to: .now).milliseconds),
        ]
        // Bounds that were met: without them said, a short result looks like a small site.
        if knownIsFull { members["links_ignored"] = true }
        if pages < plan.maxPages, pages + skipped >= plan.maxVisits { members["visits_exhausted"] = true }
        return .object(members.merging(rooms.embeddingFacts) { own, _ in own })
    }
}

extension KindRooms {
    /// Told in every result, so that nobody takes a stand-in's vectors for real ones.
    var embeddingFacts: [String: JSONValue] {
        var facts: [String: JSONValue] = [
            "model": .string(embeddingModel), "embedding_provider": .string(models.name), "vector_store": .string(vectors.name),
        ]
        if models.isStandIn { facts["stand_in"] = true }
        return facts
    }
}

extension Duration {
    var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
