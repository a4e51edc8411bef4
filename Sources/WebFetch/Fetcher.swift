/// An HTTP client for many concurrent requests: one thread and one connection pool each.
/// Give it a guard for addresses that users chose, and none for configured services; connections are never shared between the two.
/// Letting go of it ends what is still running, like `close`.
package final class Fetcher: Sendable {
    private let loop: FetchLoop
    private let addressGuard: AddressGuard?
    private let userAgent: String

    package init(guard addressGuard: AddressGuard?, userAgent: String, maxConnections: Int = 64, maxConnectionsPerHost: Int = 8) {
        self.addressGuard = addressGuard
        self.userAgent = userAgent
        loop = FetchLoop(maxConnections: maxConnections, maxConnectionsPerHost: maxConnectionsPerHost)
    }

    deinit { loop.stop() }

    /// Returns when the head of the final response is there. Redirects are followed up to the limit, each hop checked like the first.
    package func fetch(_ request: FetchRequest) async throws(FetchError) -> FetchResponse {
        try request.validate()
        var hop = Hop(request: request, url: try WebURL(request.url, limit: request.limits.maxURLBytes))
        let deadline = request.limits.totalTimeout.map { ContinuousClock.now + $0 }
        var redirects: [String] = []
        while true {
            if addressGuard != nil, hop.url.hasCredentials { throw .invalidURL("it contains a user name or password") }
            let (head, source) = try await start(hop, deadline: deadline)
            guard request.limits.maxRedirects > 0, head.isRedirect, let location = head.first("location") else {
                return FetchResponse(
                    status: head.status, url: hop.url.shown, redirects: redirects, headers: head.headers, body: FetchBody(source: source))
            }
            guard redirects.count < request.limits.maxRedirects else { throw .tooManyRedirects(limit: request.limits.maxRedirects) }
            redirects.append(hop.url.shown)
            hop = try hop.following(location, status: head.status)
        }
    }

    /// Ends what is running with `.closed` and waits for the thread to be gone.
    package func close() async { await loop.close() }

    /// The head is there or the error is; the source owns the rest of the transfer.
    private func start(_ hop: Hop, deadline: ContinuousClock.Instant?) async throws(FetchError) -> (ResponseHead, FetchBody.Source) {
        if Task.isCancelled { throw .cancelled }
        let pipe = BodyPipe()
        let source = FetchBody.Source(pipe: pipe, loop: loop)
        loop.start(TransferOrder(hop: hop, deadline: deadline, addressGuard: addressGuard, userAgent: userAgent, pipe: pipe))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { pipe.awaitHead($0) }
        } onCancel: {
            loop.cancel(pipe)
        }
        return (try result.get(), source)
    }
}

/// One request of a chain of redirects.
struct Hop: Sendable {
    var request: FetchRequest
    var url: WebURL

    /// Headers that say nothing about the caller: only these go to another origin than the one they were meant for.
    private static let harmless: Set<String> = ["accept", "accept-language", "if-modified-since", "if-none-match", "range", "content-type"]

    /// 303 and the old statuses turn a POST into a GET, as browsers do; 307 and 308 repeat the request as it is.
    func following(_ location: String, status: Int) throws(FetchError) -> Hop {
        var next = self
        next.url = try url.redirected(to: location, limit: request.limits.maxURLBytes)
        if !next.url.sameOrigin(as: url) { next.request.headers.removeAll { !Self.harmless.contains($0.0.lowercased()) } }
        let becomesGet = status == 303 ? request.method != "HEAD" : (status == 301 || status == 302) && request.method == "POST"
        if becomesGet {
            next.request.method = "GET"
            next.request.body = nil
            next.request.headers.removeAll { $0.0.lowercased() == "content-type" }
        }
        return next
    }
}
