/// What a step keeps of one visit: enough to go on from there in another attempt, in a few hundred bytes and its new links.
import JobModel
import PageText

struct PageMemory: Sendable {
    let url: String
    var title = ""
    var chunks = 0
    var vectors = 0
    var bytes = 0
    var contentHash: String?
    /// Those that no page before had; so all steps of a crawl together keep each address once.
    var links: [String] = []
    var reason: SkipReason?

    static func skipped(_ entry: CrawlFrontier.Entry, _ reason: SkipReason, links: [String] = [], bytes: Int = 0) -> PageMemory {
        PageMemory(url: entry.address.description, bytes: bytes, links: links, reason: reason)
    }

    func outcome(of entry: CrawlFrontier.Entry) -> PageOutcome {
        if let reason { return .skipped(url: entry.address.description, reason, isStart: entry.isStart, bytes: bytes) }
        return .stored(StoredPage(url: url, title: title, chunks: chunks, vectors: vectors, bytes: bytes))
    }
}

extension PageMemory {
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "url": .string(url), "title": .string(title), "chunks": .integer(Int64(chunks)), "vectors": .integer(Int64(vectors)),
            "bytes": .integer(Int64(bytes)), "links": .array(links.map { .string($0) }),
        ]
        if let contentHash { members["hash"] = .string(contentHash) }
        if let reason {
            members["reason"] = .string(reason.code)
            members["detail"] = .string(reason.detail)
            members["transient"] = reason.isTransient ? true : false
        }
        return .object(members)
    }

    init?(_ json: JSONValue) {
        guard let url = json["url"]?.string else { return nil }
        self.url = url
        title = json["title"]?.string ?? ""
        chunks = json["chunks"]?.integer ?? 0
        vectors = json["vectors"]?.integer ?? 0
        bytes = json["bytes"]?.integer ?? 0
        contentHash = json["hash"]?.string
        links = json["links"]?.array?.compactMap(\.string) ?? []
        reason = json["reason"]?.string.map {
            SkipReason(code: $0, detail: json["detail"]?.string ?? "", isTransient: json["transient"]?.boolean ?? false)
        }
    }
}
