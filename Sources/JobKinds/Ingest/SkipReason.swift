/// Why a page was left out: a word for programs, a sentence for people, and whether a later try may do better.
import JobModel
import PageText
import WebFetch

struct SkipReason: Error, Sendable, Hashable {
    let code: String
    let detail: String
    var isTransient = false
    var retryAfterMilliseconds: Int64?

    /// The page was there, and was left out on purpose: a start page like this fails no crawl.
    var isDeliberate: Bool { ["noindex", "duplicate", "empty"].contains(code) }

    static let noindex = SkipReason(code: "noindex", detail: "the page asks not to be indexed")
    static let duplicate = SkipReason(code: "duplicate", detail: "the same page was stored under another address")
    static let empty = SkipReason(code: "empty", detail: "the page holds no text")
    static let outside = SkipReason(code: "outside_site", detail: "the page redirects out of the allowed sites")

    static func robots(_ detail: String) -> SkipReason { SkipReason(code: "robots", detail: detail) }
    static func robotsUnreachable(_ detail: String) -> SkipReason {
        SkipReason(code: "robots_unreachable", detail: detail, isTransient: true)
    }

    init(code: String, detail: String, isTransient: Bool = false, retryAfterMilliseconds: Int64? = nil) {
        self.code = code
        self.detail = detail
        self.isTransient = isTransient
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    init(status: Int, retryAfter: String?) {
        let isTransient = status >= 500 || status == 429 || status == 408
        let seconds = retryAfter.flatMap { Int64($0) }.map { min(max($0, 0), 3600) }
        self.init(
            code: "http_\(status)", detail: "the server answered HTTP \(status)", isTransient: isTransient,
            retryAfterMilliseconds: isTransient ? seconds.map { $0 * 1000 } : nil)
    }

    init(_ error: FetchError) {
        let code =
            switch error {
            case .refusedAddress: "refused_address"
            case .timedOut: "timeout"
            case .tooLarge, .expandsTooMuch: "too_large"
            case .tooManyRedirects, .invalidRedirect: "redirects"
            case .unresolved, .unreachable, .connectionRefused, .connectionLost, .incomplete: "unreachable"
            case .tls: "tls"
            default: "fetch_failed"
            }
        self.init(code: code, detail: error.description, isTransient: error.isTransient)
    }

    init(_ error: ExtractError) {
        let code =
            switch error {
            case .tooLarge: "too_large"
            case .timedOut: "timeout"
            case .encrypted: "encrypted"
            case .toolMissing: "tool_missing"
            case .notThatType, .unreadable, .cancelled: "unreadable"
            }
        let mayPass = code == "timeout" || code == "tool_missing"
        self.init(code: code, detail: error.description, isTransient: mayPass)
    }

    static func tooLarge(_ limit: Int) -> SkipReason {
        SkipReason(code: "too_large", detail: "the page is larger than \(limit >> 20) MiB")
    }

    static func wrongType(_ contentType: String?) -> SkipReason {
        let shown = contentType.map { " (\($0.prefix(60)))" } ?? ""
        return SkipReason(code: "unsupported_type", detail: "not HTML, PDF, DOCX, Markdown or plain text\(shown)")
    }

    /// The same, for a job that cannot do without the page.
    func failure(_ subject: String) -> JobFailure {
        let message = "\(subject): \(detail)"
        return isTransient ? .retry(message, type: code, afterMilliseconds: retryAfterMilliseconds) : .permanent(message, type: code)
    }
}

extension FetchError {
    /// Set where the fetch failed because of us and says nothing about the page: then the attempt ends, and nothing may be remembered.
    var end: JobFailure? {
        switch self {
        case .cancelled: .cancelled
        case .closed: .handBack
        default: nil
        }
    }
}
