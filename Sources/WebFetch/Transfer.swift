/// One request on the wire: an easy handle, what was counted so far, and the clocks that may end it. Lives on the loop's thread.
/// `TransferTable` drives it; `TransferCallbacks` is what curl calls.
import CCurl
import Glibc

/// What the loop needs to begin.
struct TransferOrder: Sendable {
    let hop: Hop
    let deadline: ContinuousClock.Instant?
    let addressGuard: AddressGuard?
    let userAgent: String
    let pipe: BodyPipe
}

final class Transfer {
    let order: TransferOrder
    let easy: UnsafeMutableRawPointer
    /// curl keeps the pointer: freed after the handle.
    private var headerList: UnsafeMutablePointer<curl_slist>?

    var head = ResponseHead()
    /// Of all heads of this request, interim ones and trailers included.
    var headerBytes = 0
    /// After unpacking.
    var bodyBytes = 0
    /// Why a callback aborted; it explains the code that curl then reports.
    var failure: FetchError?
    /// The reader is behind; looked at after the turn.
    var isFull = false
    /// The guard refused at least one of the host's addresses.
    var wasRefused = false
    /// A connection is there and the request goes out; until then the connect timeout and the deadline are enough.
    var hasBegun = false
    private var isPaused = false
    private var clock: ProgressClock

    var limits: FetchLimits { order.hop.request.limits }

    init?(_ order: TransferOrder) {
        guard let easy = curl_easy_init() else { return nil }
        self.order = order
        self.easy = easy
        clock = ProgressClock(order.hop.request.limits, now: .now)
        configure()
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
    }

    // MARK: time

    var dueTime: ContinuousClock.Instant? {
        [order.deadline, clock.dueTime].compactMap(\.self).min()
    }

    func progressed(bodyBytes: Int = 0) { clock.progressed(bodyBytes: bodyBytes, now: .now) }

    func expired(at now: ContinuousClock.Instant) -> FetchError? {
        if let deadline = order.deadline, deadline <= now { return .timedOut("no whole response from \(host) in time", sent: wasSent) }
        guard hasBegun, !isPaused else {
            clock.restart(now: now)
            return nil
        }
        guard clock.isExpired(at: now) else { return nil }
        return .timedOut("\(host) sends nothing, or too slowly", sent: wasSent)
    }

    // MARK: back pressure

    /// Between two turns and not inside the callback: there, curl would go on unpacking into a buffer of its own.
    func pauseIfFull() {
        isFull = false
        guard order.pipe.pauseIfFull() else { return }
        isPaused = true
        curl_easy_pause(easy, CURLPAUSE_RECV)
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        clock.restart(now: .now)
        curl_easy_pause(easy, CURLPAUSE_CONT)
    }

    // MARK: the end

    var host: String { order.hop.url.host }

    /// Request bytes may have left: the connection was ready.
    private var wasSent: Bool {
        var microseconds: curl_off_t = 0
        return ccurl_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds) == CURLE_OK && microseconds > 0
    }

    /// Of the last attempt to connect.
    private var systemError: Int32 {
        var code = 0
        return ccurl_get_long(easy, CURLINFO_OS_ERRNO, &code) == CURLE_OK ? Int32(truncatingIfNeeded: code) : 0
    }

    /// Body bytes as they came over the wire, still packed.
    var receivedBytes: Int {
        var count: curl_off_t = 0
        return ccurl_get_offset(easy, CURLINFO_SIZE_DOWNLOAD_T, &count) == CURLE_OK ? Int(count) : 0
    }

    func outcome(of code: CURLcode) -> Result<Void, FetchError> {
        if let failure { return .failure(failure) }
        if code == CURLE_OK { return .success(()) }
        return .failure(error(of: code))
    }

    /// Ordered by how far the request came; what is not listed is a server that breaks the protocol.
    private func error(of code: CURLcode) -> FetchError {
        switch code {
        case CURLE_URL_MALFORMAT: .invalidURL("it has a wrong form")
        case CURLE_COULDNT_RESOLVE_HOST: .unresolved(host)
        case CURLE_COULDNT_CONNECT:
            wasRefused ? .refusedAddress(host) : systemError == ECONNREFUSED ? .connectionRefused(host) : .unreachable(host)
        case CURLE_OPERATION_TIMEDOUT: .timedOut("no connection to \(host)", sent: wasSent)
        case CURLE_FILESIZE_EXCEEDED: .tooLarge(limit: limits.maxBodyBytes)
        case CURLE_PARTIAL_FILE: .incomplete(host)
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR: head.isComplete ? .incomplete(host) : .connectionLost(host)
        // The handshake also fails when a server restarts; a certificate that is wrong stays wrong.
        case CURLE_SSL_CONNECT_ERROR: .unreachable("\(host) (the TLS handshake failed)")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CACERT_BADFILE:
            .tls("\(host): \(String(cString: curl_easy_strerror(code)))")
        default: .protocolViolation(host)
        }
    }

    // MARK: options

    private func configure() {
        let request = order.hop.request
        _ = ccurl_set_string(easy, CURLOPT_URL, order.hop.url.text)
        _ = ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = ccurl_set_string(easy, CURLOPT_USERAGENT, order.userAgent)
        // http_proxy of the environment would dial for us, past every address check.
        _ = ccurl_set_string(easy, CURLOPT_PROXY, "")
        _ = ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // Finds a peer that vanished during a stream that may be silent for long.
        _ = ccurl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1)
        _ = ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, request.limits.connectTimeout.wholeMilliseconds)
        // Without it, cancelling during a slow name look-up blocks the whole loop until the look-up ends.
        _ = ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        if request.isSentOnce { _ = ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1) }
        if request.compression { _ = ccurl_set_string(easy, CURLOPT_ACCEPT_ENCODING, "") }
        configureMethod(request)
        configureHeaders(request)
        installCallbacks()
    }

    /// HEAD has its own option: with a custom method curl would wait for a body that never comes.
    private func configureMethod(_ request: FetchRequest) {
        if request.method == "HEAD" {
            _ = ccurl_set_long(easy, CURLOPT_NOBODY, 1)
            return
        }
        // Acts on an announced length only; the write callback counts the rest.
        _ = ccurl_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(request.limits.maxBodyBytes))
        if let body = request.body ?? (request.method == "POST" ? [] : nil) {
            _ = body.withUnsafeBytes { ccurl_set_body(easy, $0.baseAddress ?? UnsafeRawPointer(easy), curl_off_t($0.count)) }
        }
        // After the body, which makes curl choose POST.
        if request.method != "GET" || request.body != nil { _ = ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method) }
    }

    private func configureHeaders(_ request: FetchRequest) {
        // A bare name removes what curl adds by itself: a wait for 100-continue, and a form's content type.
        var lines = ["Expect:"]
        if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) { lines.append("Content-Type:") }
        lines += request.headers.map { $0.1.isEmpty ? "\($0.0);" : "\($0.0): \($0.1)" }
        for line in lines { headerList = curl_slist_append(headerList, line) }
        _ = ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
    }
}

extension Duration {
    /// At least 1: curl takes 0 for "no limit".
    var wholeMilliseconds: Int {
        max(1, Int(min(max(components.seconds, 0), 2_000_000)) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000))
    }
}
