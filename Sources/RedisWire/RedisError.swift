/// What a Redis call can end in. The cases tell the caller whether the command may have run, and so whether it is safe to repeat.
package enum RedisError: Error, Sendable, Equatable {
    /// Settings must change: no attempt was made and none would help.
    case invalidAddress(String)
    /// Never sent: safe to repeat.
    case unavailable(String)
    /// Sent, and the connection ended before the reply: it may have run.
    case connectionLost
    /// Sent, no reply in time: it may still run. The socket is closed.
    case timedOut
    /// By the caller's task. If it was sent, it may run, or have run.
    case cancelled
    /// By this process. If it was sent, it may have run.
    case closed
    /// Not Redis, or a reply beyond our limits. The socket is closed, because what follows cannot be told apart; it may have run.
    case protocolViolation(String)
    /// Answered, with an error. Redis checks before it runs, so nothing was changed; only a script may have got half way.
    case server(RedisServerError)

    /// Whether the command certainly had no effect.
    package var neverSent: Bool {
        switch self {
        case .unavailable, .invalidAddress: true
        default: false
        }
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidAddress(let why): "the Redis address is not usable: \(why)"
        case .unavailable(let why): "the command was not sent to Redis: \(why)"
        case .connectionLost: "the connection to Redis was lost before the reply came; the command may have run"
        case .timedOut: "Redis did not answer in time; the command may have run"
        case .cancelled: "the waiting task was cancelled"
        case .closed: "the Redis connection was closed by this process"
        case .protocolViolation(let why): "Redis answered outside the protocol: \(why)"
        case .server(let error): "Redis refused the command: \(error)"
        }
    }
}

/// An error reply. Only the first word is stable over versions; the rest is for people.
package struct RedisServerError: Error, Sendable, Equatable, CustomStringConvertible {
    package let code: String
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// Reads the text after `-`. What Redis echoes of an unknown command's arguments is cut off: it may be anybody's data.
    package init(line: String) {
        let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        code = parts.first.map(String.init) ?? ""
        let rest = parts.count > 1 ? String(parts[1]) : ""
        message = rest.firstRange(of: ", with args").map { String(rest[..<$0.lowerBound]) } ?? rest
    }

    package var description: String { message.isEmpty ? code : "\(code) \(message)" }
}
