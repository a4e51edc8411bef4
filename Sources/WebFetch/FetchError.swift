/// Why a fetch did not give a whole response. Texts name a host at most: never a path, a query or a credential.
package enum FetchError: Error, Sendable, Equatable {
    case invalidURL(String)
    case invalidRequest(String)
    /// The guard forbids every address of this host.
    case refusedAddress(String)
    case unresolved(String)
    case unreachable(String)
    /// The host is there, and nothing listens at the port.
    case connectionRefused(String)
    /// What was waited for; `sent` tells whether the request may have reached the server.
    case timedOut(String, sent: Bool)
    /// The limit in bytes that was passed.
    case tooLarge(limit: Int)
    /// The body unpacks to more than this many times its size.
    case expandsTooMuch(limit: Int)
    case tooManyRedirects(limit: Int)
    /// A redirect to somewhere that is not http or https, or that cannot be read.
    case invalidRedirect(String)
    case tls(String)
    /// The connection was closed before a response came.
    case connectionLost(String)
    /// The body ended before its announced end.
    case incomplete(String)
    case protocolViolation(String)
    case cancelled
    case closed
}

extension FetchError {
    /// The same request may succeed later.
    package var isTransient: Bool {
        switch self {
        case .unresolved, .unreachable, .connectionRefused, .timedOut, .connectionLost, .incomplete: true
        default: false
        }
    }

    /// The server cannot have acted on the request: repeating it is safe whatever its method.
    package var neverSent: Bool {
        switch self {
        case .invalidURL, .invalidRequest, .unresolved, .unreachable, .connectionRefused, .tls: true
        case .timedOut(_, let sent): !sent
        default: false
        }
    }
}

extension FetchError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidURL(let why): "the address cannot be used: \(why)"
        case .invalidRequest(let why): "the request cannot be sent: \(why)"
        case .refusedAddress(let host): "\(host) is a private or reserved address; allow it in the settings if it is meant"
        case .unresolved(let host): "the name \(host) has no address"
        case .unreachable(let host): "no connection to \(host)"
        case .connectionRefused(let host): "\(host) refuses the connection"
        case .timedOut(let what, _): "timed out: \(what)"
        case .tooLarge(let limit): "the response is larger than \(limit) bytes"
        case .expandsTooMuch(let limit): "the response unpacks to more than \(limit) times its size"
        case .tooManyRedirects(let limit): "more than \(limit) redirects"
        case .invalidRedirect(let host): "\(host) redirects to an address that is not http or https"
        case .tls(let what): "TLS failed: \(what)"
        case .connectionLost(let host): "\(host) closed the connection without a response"
        case .incomplete(let host): "\(host) closed the connection before the end of the body"
        case .protocolViolation(let host): "\(host) does not answer in HTTP as announced"
        case .cancelled: "cancelled"
        case .closed: "the client is closed"
        }
    }
}
