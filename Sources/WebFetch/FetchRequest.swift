/// What to fetch, and the bounds that every fetch has.
/// `Fetcher` runs it; durations that are nil mean "no bound" and are meant for streams whose caller has a deadline of its own.
package struct FetchRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [(String, String)]
    package var body: [UInt8]?
    package var limits: FetchLimits
    /// Offers every encoding that libcurl can undo; the body then arrives decoded.
    package var compression: Bool
    /// On a connection of its own. libcurl sends a request a second time by itself, a POST too, when a kept connection is closed before
    /// anything comes back: for a request that must not arrive twice.
    package var isSentOnce = false
    /// Not sent after this moment, however long the name, the connection or a stop of this process took: then it is `timedOut`, not sent.
    package var sendBy: ContinuousClock.Instant?

    package init(
        method: String = "GET", url: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        limits: FetchLimits = FetchLimits(), compression: Bool = true
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.limits = limits
        self.compression = compression
    }
}

/// The bounds of one fetch. The total time spans all redirects; sizes are those of one response.
package struct FetchLimits: Sendable {
    /// Name look-up, TCP and TLS together, for each hop.
    package var connectTimeout: Duration = .seconds(5)
    package var totalTimeout: Duration? = .seconds(60)
    /// No byte for this long, or a body slower than `minimumRate` over this long, ends the fetch. Time spent waiting for the reader is free.
    package var idleTimeout: Duration? = .seconds(30)
    /// Bytes a second, averaged over one `idleTimeout`: a server that drips a byte now and then is as silent as one that sends none.
    package var minimumRate = 16
    /// Counted on decoded bytes.
    package var maxBodyBytes = 32 << 20
    /// Decoded bytes for each byte received, looked at from 1 MiB on.
    package var maxExpansion = 100
    /// 0 hands a redirect to the caller as the response that it is.
    package var maxRedirects = 5
    /// Holds for the target of each redirect, too.
    package var maxURLBytes = 8192
    /// All header lines of one response together.
    package var maxHeaderBytes = 64 << 10

    package init() {}
}

extension FetchRequest {
    /// Headers that frame the message: a caller who sets them could smuggle a second request.
    private static let framing: Set<String> = ["host", "content-length", "transfer-encoding", "connection", "expect", "te", "upgrade"]

    func validate() throws(FetchError) {
        guard Self.isToken(method) else { throw .invalidRequest("the method is not a token") }
        for (name, value) in headers {
            guard Self.isToken(name) else { throw .invalidRequest("a header name is not a token") }
            guard !Self.framing.contains(name.lowercased()) else { throw .invalidRequest("the header \(name) is set by the client itself") }
            // A line break in a value would start a header of its own.
            guard !value.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else {
                throw .invalidRequest("the value of the header \(name) has a line break or NUL")
            }
        }
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && !"()<>@,;:\\\"/[]?={}".utf8.contains($0) }
    }
}
