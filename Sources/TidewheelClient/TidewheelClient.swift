/// The door to a Tidewheel API: submit jobs, follow them to their end, list, cancel and retry them.
/// `Submission` says what to run, `JobHandle` is one job, `JobUpdate` something that happened to it; `TidewheelError` is why not.
internal import JobModel
internal import WebFetch

/// A client of one API. Safe to use from any number of tasks; make one and keep it: it has a thread and connections of its own.
///
/// ```swift
/// let client = try TidewheelClient(url: "http://127.0.0.1:8080")
/// let job = try await client.submit("web_crawl", input: ["url": "https://example.com/"])
/// for try await update in job.watch() { print(update.name, update.progress ?? 0) }
/// let crawl = try await job.result(as: Crawl.self)
/// ```
///
/// Every call may throw `TidewheelError` and nothing else. When the calling task is cancelled, its connection is closed.
public final class TidewheelClient: Sendable {
    let base: String
    let apiKey: String?
    let fetcher: Fetcher
    /// How patient it is.
    public let options: Options

    /// How patient the client is.
    public struct Options: Sendable {
        /// For one answer, from the request on.
        public var requestTimeout: Duration = .seconds(30)
        /// For a connection: name, TCP and TLS together.
        public var connectTimeout: Duration = .seconds(5)
        /// How long a request is repeated that was not answered, or answered 429 or 503 ("later"). Only requests that do nothing twice are.
        public var retryTime: Duration = .seconds(30)
        /// How long a watch goes on trying while no connection comes about. Nil: until its task is cancelled.
        public var reconnectTime: Duration? = .seconds(600)
        /// Of one answer; larger ones are refused.
        public var maxAnswerBytes = 64 << 20
        /// Whether an API that refuses the connection is asked again within the retry time. A person at a terminal wants to know at once.
        package var awaitsStart = true

        /// What holds where nobody says otherwise.
        public init() {}
    }

    /// - Parameters:
    ///   - url: http or https, host, port, and a path in front of the routes where a proxy has one. Without user name, query and fragment.
    ///   - apiKey: `twk_…`, where the API asks for keys; sent as `Authorization: Bearer`.
    public convenience init(url: String, apiKey: String? = nil, options: Options = Options()) throws(TidewheelError) {
        try self.init(url: url, apiKey: apiKey, userAgent: "tidewheel-client", options: options)
    }

    package init(url: String, apiKey: String?, userAgent: String, options: Options) throws(TidewheelError) {
        base = try Self.base(url)
        if let apiKey, apiKey.isEmpty || !apiKey.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) {
            throw .invalidRequest("the API key has characters that no key has")
        }
        self.apiKey = apiKey
        self.options = options
        // Each watch holds a connection: the API's own bounds decide how many there may be.
        fetcher = Fetcher(guard: nil, userAgent: userAgent, maxConnections: 4_096, maxConnectionsPerHost: 4_096)
    }

    /// Ends what is under way with an error and waits for the client's thread. Letting go of the client does the same, later.
    public func close() async { await fetcher.close() }

    /// The address of the API, without a slash at the end.
    public var url: String { base }

    private static func base(_ url: String) throws(TidewheelError) -> String {
        var text = Substring(url)
        while text.hasSuffix("/") { text = text.dropLast() }
        let scheme = text.lowercased()
        let rest = scheme.hasPrefix("http://") ? text.dropFirst(7) : scheme.hasPrefix("https://") ? text.dropFirst(8) : ""
        guard !rest.isEmpty, !rest.contains(where: { "?#@ ".contains($0) }) else {
            throw .invalidRequest("\(url.debugDescription) is no address of an API; it looks like http://127.0.0.1:8080")
        }
        return String(text)
    }
}
