/// Why a private server could not be had, in words that say what to do.

package enum PrivateServerError: Error, Sendable, CustomStringConvertible {
    case programMissing(String, package: String)
    case cannotStart(String, String)
    case ended(String, ChildExit?, log: [String])
    case notReady(String, log: [String])
    case pathTooLong(String)
    case unreachable(String, user: String)
    case directory(String, String)

    package var description: String {
        switch self {
        case .programMissing(let program, let package):
            "\(program) was not found. Install it: apt-get install \(package)"
        case .cannotStart(let program, let why):
            "\(program) could not be started: \(why)"
        case .ended(let program, let exit, let log):
            "\(program) \(exit?.description ?? "ended") before it was ready. Its last words:\n" + log.joined(separator: "\n")
        case .notReady(let program, let log):
            "\(program) was not ready in time. Its last words:\n" + log.joined(separator: "\n")
        case .pathTooLong(let path):
            "\(path) is too long for a unix socket (107 bytes at most). Choose a directory with a shorter path."
        case .unreachable(let path, let user):
            "the system user \(user) cannot reach \(path). Choose a directory that every user may pass through."
        case .directory(let path, let why):
            "\(path) could not be prepared: \(why)"
        }
    }
}
