internal import JobModel

/// What a list can be filtered by, read from a query or from a body with the same words.
extension QueryReader {
    static let deadLetterWords = ["kind", "queue", "error_type", "subject", "session", "tag", "since", "until"]
    static let listWords = ["status", "kind", "queue", "subject", "session", "tag", "flow", "since", "until", "q"]
    static let pageWords = ["cursor", "limit", "fields"]

    /// Jobs that another program added with a kind that is none here end as dead letters under these names too.
    private static let foreignKinds = ["refused_entry"]

    mutating func filter(_ catalogue: JobCatalogue) -> JobFilter {
        var filter = JobFilter()
        filter.states = Set(words("status", among: JobState.allCases.map(\.rawValue)).compactMap(JobState.init))
        filter.kinds = words("kind", among: catalogue.kinds.map(\.name) + QueryReader.foreignKinds)
        filter.queues = words("queue", among: catalogue.queues)
        filter.subject = one("subject", maxBytes: 200)
        filter.sessionID = one("session", maxBytes: 200)
        filter.tags = tags()
        filter.errorType = one("error_type", maxBytes: 200)
        filter.since = time("since")
        filter.until = time("until")
        filter.search = search()
        if let flow = one("flow") {
            filter.flow = JobID(flow)
            if filter.flow == nil { refuse("flow", "must be the id of a flow") }
        }
        return filter
    }

    /// Repeated: a job must fit all of them.
    private mutating func search() -> JobSearch? {
        let parts = all("q")
        guard parts.count <= 5, parts.allSatisfy({ $0.utf8.count <= 500 && $0.contains { $0 != " " } }) else {
            refuse("q", "must be at most 5 searches of at most 500 bytes: words, \"phrases\", -word, or a JSON path that begins with $")
            return nil
        }
        guard !parts.isEmpty else { return nil }
        var search = JobSearch()
        for part in parts { search.add(part) }
        return search
    }

    /// Repeated: a job must have all of them.
    private mutating func tags() -> [String] {
        let tags = all("tag")
        if tags.count > 20 || tags.contains(where: { $0.utf8.count > 100 }) {
            refuse("tag", "must be at most 20 texts of at most 100 bytes")
        }
        return Array(tags.prefix(20))
    }

    /// Which page, and what of each job.
    mutating func page() -> ListPage {
        let fields = words("fields", among: ListPage.fields)
        let most = fields.isEmpty ? 200 : 20
        return ListPage(
            below: position("cursor"), limit: number("limit", 1...most, standard: min(50, most)), fields: fields)
    }
}

struct ListPage {
    static let fields = ["input", "result", "events"]

    let below: JobPosition?
    let limit: Int
    /// What may be large comes only when it is asked for, and then on small pages.
    let fields: Set<String>

    var isWhole: Bool { fields.contains("input") || fields.contains("result") }
}
