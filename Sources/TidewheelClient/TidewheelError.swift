internal import JobModel

/// Why a call came to nothing, and what to do about it.
public enum TidewheelError: Error, Sendable, Hashable {
    /// The API said no; the document says why and what to do.
    case problem(Problem)
    /// There is no connection to the API.
    case unreachable(String)
    /// No whole answer came in time, or the wait that was asked for was too short.
    case timedOut(String)
    /// The connection was lost after the request had gone out: whether it was done is not known.
    case interrupted(String)
    /// What came is not what Tidewheel answers: another server, another version, or larger than allowed.
    case invalidAnswer(String)
    /// The request cannot be sent: the address, or an input that has no JSON.
    case invalidRequest(String)
    /// The task that called was cancelled, or the client closed.
    case cancelled

    /// A problem document of the API (RFC 9457).
    public struct Problem: Sendable, Hashable {
        /// The HTTP status.
        public let status: Int
        /// The last word of `type`, such as `unknown-job`; `docs/http-api.md` has all of them. Empty where a proxy answered.
        public let type: String
        /// What sort of trouble it is.
        public let title: String
        /// What to do.
        public let detail: String
        /// What to tell who looks into the log.
        public let requestID: String?
        /// When to ask again.
        public let retryAfter: Duration?
        /// Each fault of the request.
        public let faults: [Fault]
        /// The whole document, with members of its own.
        public let document: JSON
    }

    /// A fault and its place: a JSON pointer into the body, or the name of a query parameter.
    public struct Fault: Sendable, Hashable {
        /// What is wrong with it.
        public let detail: String
        /// `#/input/url`, or `limit`.
        public let place: String
    }

    /// The document, where the API said no.
    public var problem: Problem? {
        if case .problem(let problem) = self { problem } else { nil }
    }

    /// The same call may succeed later, unchanged.
    public var isTransient: Bool {
        switch self {
        case .problem(let problem): problem.status == 429 || problem.status == 503
        case .unreachable, .timedOut, .interrupted: true
        case .invalidAnswer, .invalidRequest, .cancelled: false
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension TidewheelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .problem(let problem): problem.description
        case .unreachable(let why): "No connection to the API: \(why)"
        case .timedOut(let what): "No answer in time: \(what)"
        case .interrupted(let why): "The connection was lost while the API worked on the request, which may have been done: \(why)"
        case .invalidAnswer(let why): "The answer is not one of Tidewheel: \(why)"
        case .invalidRequest(let why): "The request cannot be sent: \(why)"
        case .cancelled: "Cancelled"
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension TidewheelError.Problem: CustomStringConvertible {
    public var description: String {
        let faults = faults.map { "\n  \($0.place) \($0.detail)" }.joined()
        return (detail.isEmpty ? "\(title) (\(status))" : detail) + faults
    }
}

extension TidewheelError.Problem {
    /// Of an answer that is no success. A proxy's page, which is no problem document, is told by its status alone.
    package init(_ answer: APIAnswer) {
        let document = (try? answer.json()) ?? JSON(.null)
        status = answer.status
        type = document["type"]?.string?.split(separator: ":").last.map(String.init) ?? ""
        title = document["title"]?.string ?? "The answer has the status \(answer.status)"
        detail = document["detail"]?.string ?? ""
        requestID = document["request_id"]?.string ?? answer.header("x-request-id")
        retryAfter = answer.retryAfter
        faults = (document["errors"]?.array ?? []).map {
            TidewheelError.Fault(detail: $0["detail"]?.string ?? "", place: $0["pointer"]?.string ?? $0["parameter"]?.string ?? "")
        }
        self.document = document
    }
}
