public import FoundationEssentials
internal import JobModel

/// Which jobs to list; everything that is given must fit.
public struct JobQuery: Sendable, Hashable {
    /// Any of them; all when empty.
    public var states: [JobStatus.State] = []
    /// Any of them; all when empty.
    public var kinds: [String] = []
    /// Any of them; all when empty.
    public var queues: [String] = []
    /// Exactly this one.
    public var subject: String?
    /// Exactly this one.
    public var sessionID: String?
    /// Jobs that have all of them.
    public var tags: [String] = []
    /// Created at or after this, and before that.
    public var since: Date?
    /// See `since`.
    public var until: Date?
    /// Words, or an SQL/JSON path: `docs/http-api.md`, Search.
    public var search: String?

    /// Every job.
    public init() {}

    var parameters: [(String, String)] {
        var parameters: [(String, String)] = []
        let lists = [("status", states.map(\.rawValue)), ("kind", kinds), ("queue", queues)]
        for (name, words) in lists where !words.isEmpty { parameters.append((name, words.joined(separator: ","))) }
        let times = [("since", since), ("until", until)].map { name, date in
            (name, date.map { Timestamp($0).description })
        }
        for case (let name, let text?) in [("subject", subject), ("session", sessionID), ("q", search)] + times {
            parameters.append((name, text))
        }
        return parameters + tags.map { ("tag", $0) }
    }
}

/// Jobs, newest first, page by page as they are read. Jobs that are added meanwhile are not in it; none comes twice.
public struct JobList: AsyncSequence, Sendable {
    /// A job without its events and result.
    public typealias Element = JobStatus
    /// The API says no, or is not there.
    public typealias Failure = TidewheelError

    let client: TidewheelClient
    let query: JobQuery
    let pageSize: Int

    /// Each begins at the newest job.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(list: self) }

    /// For one task.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let list: JobList
        private var ready: ArraySlice<JobStatus> = []
        private var cursor: String?
        private var isLast = false

        init(list: JobList) { self.list = list }

        /// As `next(isolation:)`.
        public mutating func next() async throws(TidewheelError) -> JobStatus? { try await next(isolation: nil) }

        /// Asks for a page when the one before is used up.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(TidewheelError) -> JobStatus? {
            while ready.isEmpty, !isLast { try await readPage() }
            return ready.popFirst()
        }

        /// A page may be empty and have a next one.
        private mutating func readPage() async throws(TidewheelError) {
            var query = list.query.parameters + [("limit", String(list.pageSize))]
            if let cursor { query.append(("cursor", cursor)) }
            let page = try await list.client.call(APIRequest(method: "GET", path: "/jobs", query: query, isRepeatable: true)).json()
            var jobs: [JobStatus] = []
            for document in page["jobs"]?.array ?? [] { jobs.append(try JobStatus(document)) }
            ready = jobs[...]
            cursor = page["next_cursor"]?.string
            isLast = cursor == nil
        }
    }
}

extension TidewheelClient {
    /// - Parameter pageSize: 1 to 200 jobs a request.
    public func jobs(_ query: JobQuery = JobQuery(), pageSize: Int = 100) -> JobList {
        JobList(client: self, query: query, pageSize: min(max(pageSize, 1), 200))
    }
}
