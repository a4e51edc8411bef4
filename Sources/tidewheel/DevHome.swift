/// Where `dev` keeps its data, and the lock that keeps a second `dev` away from it.
import FoundationEssentials
import Glibc
import JobModel
import PrivateServers

struct DevHome: Sendable {
    /// Holds the servers' directories.
    let path: String
    private let lock: Int32

    init(_ directory: String) throws(Refusal) {
        let wanted = directory.hasPrefix("/") ? directory : FileManager.default.currentDirectoryPath + "/" + directory
        try Self.make(wanted)
        lock = try Self.lock(wanted)
        path = ServerPrograms.canServe(from: wanted) ? wanted : try Self.elsewhere(wanted)
    }

    func unlock() { close(lock) }

    /// Root's home is closed to the user that PostgreSQL runs as, so root's data goes where that user may pass.
    private static func elsewhere(_ wanted: String) throws(Refusal) -> String {
        guard geteuid() == 0 else {
            throw Refusal("The path \(wanted) is too long for unix sockets. Choose a shorter one with --directory.")
        }
        let path = "/var/lib/tidewheel-dev/\(Digest.sha256(wanted).prefix(12))"
        try make(path)
        return path
    }

    private static func make(_ path: String) throws(Refusal) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch { throw Refusal("\(path) cannot be made: choose another place with --directory.") }
    }

    /// The kernel drops the lock when this process ends, however it ends.
    private static func lock(_ directory: String) throws(Refusal) -> Int32 {
        let file = open("\(directory)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Refusal("\(directory) cannot be written to: choose another place with --directory.") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw Refusal("Another `tidewheel dev` runs on \(directory). Stop it, or choose another place with --directory.")
        }
        return file
    }
}
