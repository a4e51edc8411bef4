/// One request and its answer: addressed, authorised, bounded in time, and repeated where that is safe.
/// What callers see is in `JobHandle` and the extensions of `TidewheelClient`; other rooms of the program use `send` and `open` as they are.
internal import JobModel
package import WebFetch

/// An answer, whatever its status.
package struct APIAnswer: Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package func header(_ name: String) -> String? { headers.first { $0.name == name.lowercased() }?.value }

    var retryAfter: Duration? {
        header("retry-after").flatMap { RetryAfter.milliseconds($0, now: .now) }.map { .milliseconds(min($0, 86_400_000)) }
    }

    package func json() throws(TidewheelError) -> JSON {
        do {
            return JSON(try JSONReader.read(body, depth: 256))
        } catch { throw .invalidAnswer("its JSON cannot be read: \(error.reason)") }
    }
}

/// An answer whose body is still coming. Letting go of the body closes its connection.
package struct OpenAnswer: Sendable {
    package let status: Int
    package let headers: [(name: String, value: String)]
    package let body: FetchBody

    package func header(_ name: String) -> String? { headers.first { $0.name == name.lowercased() }?.value }

    /// The body as server-sent events.
    package var events: ServerEvents { ServerEvents(body: body) }

    package func collected() async throws(TidewheelError) -> APIAnswer {
        do {
            return APIAnswer(status: status, headers: headers, body: try await body.collect())
        } catch { throw TidewheelError(error) }
    }
}

/// One request, as often as it takes.
struct APIRequest: Sendable {
    var method: String
    var path: String
    var query: [(String, String)] = []
    var headers: [(String, String)] = []
    var body: [UInt8]?
    /// Doing it twice does no more than doing it once.
    var isRepeatable: Bool
    /// Over the request timeout: for answers that are held back on request.
    var extraTime: Duration = .zero

    /// `.` and `..` are removed from paths on their way, with what stands before them: by libcurl, by proxies, encoded or not.
    var staysInPlace: Bool { !path.split(separator: "/").contains { $0 == "." || $0 == ".." } }
    static let leaving = "an id or name in its path is . or .., which would lead to another place"
}

extension TidewheelClient {
    /// Any route. The answer may have any status; what throws is a missing answer. GET, PUT and DELETE are repeated when the connection is lost or
    /// the API says "later"; a POST only with `isRepeatable`, for instance because it has an `Idempotency-Key`.
    package func send(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [], body: [UInt8]? = nil,
        isRepeatable: Bool? = nil, extraTime: Duration = .zero
    ) async throws(TidewheelError) -> APIAnswer {
        try await answer(
            APIRequest(
                method: method, path: path, query: query, headers: headers, body: body,
                isRepeatable: isRepeatable ?? ["GET", "HEAD", "PUT", "DELETE"].contains(method), extraTime: extraTime))
    }

    /// Like `send`, once, with the body as it comes: for streams. A stream that is silent for longer than `silence` is given up.
    package func open(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [], body: [UInt8]? = nil,
        silence: Duration = .seconds(45)
    ) async throws(TidewheelError) -> OpenAnswer {
        let request = APIRequest(method: method, path: path, query: query, headers: headers, body: body, isRepeatable: method == "GET")
        guard request.staysInPlace else { throw .invalidRequest(APIRequest.leaving) }
        var fetch = fetchRequest(request)
        fetch.limits.totalTimeout = nil
        fetch.limits.idleTimeout = silence
        // A quiet stream brings a comment of two bytes every 15 s.
        fetch.limits.minimumRate = 0
        fetch.limits.maxBodyBytes = .max
        do {
            let response = try await fetcher.fetch(fetch)
            return OpenAnswer(status: response.status, headers: response.headers, body: response.body)
        } catch { throw TidewheelError(error) }
    }

    /// As `send`, and an answer that is no success throws.
    func call(_ request: APIRequest) async throws(TidewheelError) -> APIAnswer {
        let answer = try await answer(request)
        guard (200..<300).contains(answer.status) else { throw .problem(TidewheelError.Problem(answer)) }
        return answer
    }

    private func answer(_ request: APIRequest) async throws(TidewheelError) -> APIAnswer {
        guard request.staysInPlace else { throw .invalidRequest(APIRequest.leaving) }
        var backoff = Backoff(patience: options.retryTime)
        while true {
            let pause: Duration
            do {
                let answer = try await once(request)
                guard answer.status == 429 || answer.status == 503 && request.isRepeatable,
                    let next = backoff.pause(atLeast: answer.retryAfter)
                else { return answer }
                pause = next
            } catch {
                guard mayRepeat(request, after: error), let next = backoff.pause() else { throw TidewheelError(error) }
                pause = next
            }
            try await rest(for: pause)
        }
    }

    private func mayRepeat(_ request: APIRequest, after error: FetchError) -> Bool {
        if case .connectionRefused = error, !options.awaitsStart { return false }
        return error.isTransient && (request.isRepeatable || error.neverSent)
    }

    private func once(_ request: APIRequest) async throws(FetchError) -> APIAnswer {
        let response = try await fetcher.fetch(fetchRequest(request))
        return APIAnswer(status: response.status, headers: response.headers, body: try await response.body.collect())
    }

    private func fetchRequest(_ request: APIRequest) -> FetchRequest {
        let query =
            request.query.isEmpty ? "" : "?" + request.query.map { "\(percentEncoded($0))=\(percentEncoded($1))" }.joined(separator: "&")
        var limits = FetchLimits()
        limits.connectTimeout = options.connectTimeout
        limits.totalTimeout = options.requestTimeout + request.extraTime
        limits.idleTimeout = nil
        limits.maxBodyBytes = options.maxAnswerBytes
        // A redirect would take the key elsewhere.
        limits.maxRedirects = 0
        limits.maxURLBytes = 32 << 10
        var headers = request.headers
        if let apiKey { headers.append(("Authorization", "Bearer \(apiKey)")) }
        if request.body != nil, !headers.contains(where: { $0.0.lowercased() == "content-type" }) {
            headers.append(("Content-Type", "application/json"))
        }
        var fetch = FetchRequest(
            method: request.method, url: base + request.path + query, headers: headers, body: request.body, limits: limits,
            compression: false)
        fetch.isSentOnce = !request.isRepeatable
        return fetch
    }
}

/// As a part of a path or a query: everything but letters, digits and `-._~` is encoded.
package func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            bytes.append(byte)
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): bytes.append(byte)
        default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

extension TidewheelError {
    init(_ error: FetchError) {
        switch error {
        case .cancelled, .closed: self = .cancelled
        case .unresolved, .unreachable, .connectionRefused, .tls, .refusedAddress: self = .unreachable("\(error)")
        case .timedOut(let what, let sent): self = sent ? .timedOut(what) : .unreachable(what)
        case .connectionLost, .incomplete: self = .interrupted("\(error)")
        case .invalidURL, .invalidRequest: self = .invalidRequest("\(error)")
        case .tooLarge, .expandsTooMuch, .tooManyRedirects, .invalidRedirect, .protocolViolation: self = .invalidAnswer("\(error)")
        }
    }
}
