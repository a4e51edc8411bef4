/// JSON over HTTP to one configured service: the address, its key, and the failures that mean the same everywhere.
/// `Ollama` and `Qdrant` speak through it; what a status means to them is their own table.
import JobModel
import WebFetch

package struct ServiceClient: Sendable {
    /// As people write it: "Ollama".
    let name: String
    private let base: String
    private let headers: [(String, String)]
    private let fetcher: Fetcher

    init(name: String, url: String, headers: [(String, String)] = [], fetcher: Fetcher) {
        self.name = name
        base = String(url.reversed().drop { $0 == "/" }.reversed())
        self.headers = headers
        self.fetcher = fetcher
    }

    /// Host and port of an address: what may be shown of it. Never its user, password, path or query.
    package static func label(of url: String) -> String {
        let bare = url.split(separator: "://", maxSplits: 1).last ?? ""
        let host = bare.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return String(host.split(separator: "@", omittingEmptySubsequences: false).last ?? "")
    }

    /// Any status is an answer. Redirects are not followed: a configured address is the service itself, and the key is meant for it alone.
    func send(_ method: String, _ path: String, _ body: [UInt8]? = nil, within timeout: Duration, isSentOnce: Bool = false)
        async throws(JobFailure) -> ServiceAnswer
    {
        do throws(FetchError) { return try await exchange(method, path, body, within: timeout, isSentOnce: isSentOnce) } catch {
            throw failure(error)
        }
    }

    /// The same for a caller who must know how it failed.
    func exchange(
        _ method: String, _ path: String, _ body: [UInt8]? = nil, within timeout: Duration, isSentOnce: Bool = false,
        sendBy: ContinuousClock.Instant? = nil
    ) async throws(FetchError) -> ServiceAnswer {
        var request = FetchRequest(method: method, url: base + path, headers: headers + [("Accept", "application/json")], body: body)
        if body != nil { request.headers.append(("Content-Type", "application/json")) }
        request.isSentOnce = isSentOnce
        request.sendBy = sendBy
        request.limits.totalTimeout = timeout
        // Silence is normal while a model loads, and while a request waits for its turn.
        request.limits.idleTimeout = nil
        request.limits.maxRedirects = 0
        request.limits.maxBodyBytes = 64 << 20
        return try await ServiceAnswer(fetcher.fetch(request))
    }

    /// An answer that comes in pieces, once its head is there. No total timeout: whoever cancels the task closes the connection. `silence` is how
    /// long nothing may come, from the request on.
    func open(_ path: String, _ body: [UInt8], silence: Duration, maxBytes: Int) async throws(FetchError) -> FetchResponse {
        var request = FetchRequest(method: "POST", url: base + path, headers: headers, body: body)
        request.headers.append(("Content-Type", "application/json"))
        request.limits.totalTimeout = nil
        request.limits.idleTimeout = silence
        // A slow model is no fault.
        request.limits.minimumRate = 0
        request.limits.maxRedirects = 0
        request.limits.maxBodyBytes = maxBytes
        // Packing would hold pieces back.
        request.compression = false
        // An answer costs too much to be asked for twice behind our back.
        request.isSentOnce = true
        return try await fetcher.fetch(request)
    }

    /// The sentence for a health page, or nil when `send` works and its status is 2xx.
    func trouble(at path: String, failure: (ServiceAnswer) -> JobFailure) async -> String? {
        do throws(JobFailure) {
            let answer = try await send("GET", path, within: .seconds(10))
            return answer.isSuccess ? nil : failure(answer).message
        } catch {
            return error.message
        }
    }

    /// `.closed` is this process on its way out: the job goes back uncharged.
    func failure(_ error: FetchError) -> JobFailure {
        switch error {
        case .cancelled: .cancelled
        case .closed: .handBack
        case .timedOut: .retry("\(name) did not answer in time: \(error)", type: "timeout")
        case .connectionRefused: .retry("Could not connect to \(name) (connection refused)", type: "unreachable")
        case _ where error.isTransient: .retry("\(name) cannot be reached: \(error)", type: "unreachable")
        default: .permanent("\(name) cannot be used: \(error)", type: "invalid_service")
        }
    }
}

struct ServiceAnswer: Sendable {
    let status: Int
    let retryAfter: String?
    let bytes: [UInt8]

    init(_ response: FetchResponse) async throws(FetchError) {
        status = response.status
        retryAfter = response.header("retry-after")
        bytes = try await response.body.collect()
    }

    /// The beginning of what a server says instead of an answer: more of it is no use to anybody.
    init(refusal response: FetchResponse) async throws(FetchError) {
        status = response.status
        retryAfter = response.header("retry-after")
        var bytes: [UInt8] = []
        var chunks = response.body.makeAsyncIterator()
        while bytes.count < Self.maxRefusalBytes, let chunk = try await chunks.next(isolation: nil) { bytes += chunk }
        self.bytes = bytes
    }

    private static let maxRefusalBytes = 64 << 10

    var isSuccess: Bool { (200..<300).contains(status) }

    /// Nil for what is not JSON: proxies answer in HTML, and some refusals are plain text.
    var json: JSONValue? { try? JSONReader.read(bytes) }

    /// At most an hour is believed.
    var retryAfterMilliseconds: Int64? {
        retryAfter.flatMap { RetryAfter.milliseconds($0, now: .now) }.map { min($0, 3_600_000) }
    }
}
