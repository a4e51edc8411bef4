/// One page of a crawl, from its turn to its stored vectors. Runs beside other visits of the same job.
/// A visit that finished is a durable step: a later attempt takes its outcome and its links from there and fetches nothing.
import JobModel
import PageText

/// What became of one page.
enum PageOutcome: Sendable {
    case stored(StoredPage)
    case skipped(url: String, SkipReason, isStart: Bool, bytes: Int)
}

struct StoredPage: Sendable {
    let url: String
    let title: String
    let chunks: Int
    let vectors: Int
    let bytes: Int
}

struct PageVisit: Sendable {
    let rooms: KindRooms
    let store: PageStore
    let plan: CrawlPlan
    let frontier: CrawlFrontier
    let rules: SiteRules
    let context: JobContext

    func outcome(of entry: CrawlFrontier.Entry) async -> Result<PageOutcome, JobFailure> {
        var fresh: PageMemory?
        do throws(JobFailure) {
            let name = "page:" + Digest.sha256(entry.address.description).prefix(24)
            let kept = try await context.step(name) { () async throws(JobFailure) -> JSONValue in
                let memory = try await visit(entry)
                fresh = memory
                // Thrown, so that the step is not stored: another attempt may find the page well.
                if let reason = memory.reason, reason.isTransient { throw reason.failure(memory.url) }
                return memory.json
            }
            if let fresh { return .success(fresh.outcome(of: entry)) }
            return .success(try recall(kept, entry).outcome(of: entry))
        } catch {
            if let fresh, fresh.reason?.isTransient == true { return .success(fresh.outcome(of: entry)) }
            return .failure(error)
        }
    }

    /// An earlier attempt's page: its links and its content count as seen, as they did then.
    private func recall(_ kept: JSONValue, _ entry: CrawlFrontier.Entry) throws(JobFailure) -> PageMemory {
        guard let memory = PageMemory(kept) else {
            throw .permanent("a step of an earlier attempt cannot be read", type: "step_unreadable")
        }
        _ = frontier.add(memory.links, foundAt: entry.depth)
        if let hash = memory.contentHash { _ = frontier.claimContent(hash) }
        if let address = WebAddress(memory.url) { _ = frontier.claim(address) }
        return memory
    }

    private func visit(_ entry: CrawlFrontier.Entry) async throws(JobFailure) -> PageMemory {
        if let refusal = try await rules.refusal(of: entry.address) { return .skipped(entry, refusal) }
        try await rules.turn(at: entry.address, delay: plan.delay)
        let fetched = try await PageFetch(fetcher: rooms.fetcher).document(at: entry.address) { final throws(JobFailure) in
            try await refusal(ofRedirectTo: final, from: entry)
        }
        switch fetched {
        case .failure(let reason): return .skipped(entry, reason)
        case .success(let document): return try await take(document, entry)
        }
    }

    private func refusal(ofRedirectTo final: WebAddress, from entry: CrawlFrontier.Entry) async throws(JobFailure) -> SkipReason? {
        guard final != entry.address else { return nil }
        guard plan.allows(final) else { return .outside }
        if let refusal = try await rules.refusal(of: final) { return refusal }
        return frontier.claim(final) ? nil : .duplicate
    }

    private func take(_ document: FetchedDocument, _ entry: CrawlFrontier.Entry) async throws(JobFailure) -> PageMemory {
        let extracted = try await store.extract(document.bytes, as: document.type, url: document.address, contentType: document.contentType)
        guard case .success(let page) = extracted else {
            guard case .failure(let reason) = extracted else { return .skipped(entry, .empty) }
            return .skipped(entry, reason, bytes: document.bytes.count)
        }
        let mayFollow = !page.nofollow && !document.nofollow
        let links = mayFollow ? frontier.add(page.links.filter { !$0.nofollow }.map(\.url), foundAt: entry.depth) : []
        if page.noindex || document.noindex { return .skipped(entry, .noindex, links: links, bytes: document.bytes.count) }
        let hash = Digest.sha256(page.text)
        if page.text.isEmpty { return .skipped(entry, .empty, links: links, bytes: document.bytes.count) }
        guard frontier.claimContent(hash) else { return .skipped(entry, .duplicate, links: links, bytes: document.bytes.count) }
        let source = PageSource(
            uri: document.address.description, contentType: document.contentType, contentHash: hash, jobID: context.jobID)
        let stored = try await store.store(page, from: source) { _, _ throws(JobFailure) in try context.checkCancelled() }
        return PageMemory(
            url: source.uri, title: page.title, chunks: stored.chunks, vectors: stored.vectors, bytes: document.bytes.count,
            contentHash: hash,
            links: links, reason: nil)
    }
}
