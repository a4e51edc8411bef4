/// Short temporary directories of this test process, removed when it ends. What a killed process left is removed by the next one.
import FoundationEssentials
import Glibc
import Synchronization

package enum TemporaryDirectory {
    private static let prefix = "tw-"
    private static let state = Mutex<(directories: [String], atExit: [@Sendable () -> Void], isArmed: Bool)>(([], [], false))

    /// A new directory with a path of about 25 bytes: a unix socket below it stays under the system's 108.
    package static func make() throws -> String {
        arm()
        let path = "/tmp/\(prefix)\(getpid())-\(String(UInt32.random(in: 0..<UInt32.max), radix: 36))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        // PostgreSQL runs as another user when the tests run as root, and must be able to pass through.
        guard chmod(path, 0o711) == 0 else { throw PathError(path: path) }
        state.withLock { $0.directories.append(path) }
        return path
    }

    package static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// Runs when this process exits, before the directories are removed.
    static func beforeRemoval(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.atExit.append(action) } }

    private static func arm() {
        let isFirst = state.withLock { state in
            defer { state.isArmed = true }
            return !state.isArmed
        }
        guard isFirst else { return }
        removeLeftovers()
        atexit { TemporaryDirectory.clean() }
    }

    private static func clean() {
        let (directories, actions) = state.withLock { ($0.directories, $0.atExit) }
        for action in actions { action() }
        for directory in directories { remove(directory) }
    }

    /// A directory carries the number of its process; one whose process is gone is nobody's.
    private static func removeLeftovers() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? [] where name.hasPrefix(prefix) {
            let number = name.dropFirst(prefix.count).prefix { $0 != "-" }
            guard let process = Int32(number), process > 0, kill(process, 0) == -1, errno == ESRCH else { continue }
            remove("/tmp/\(name)")
        }
    }

    private struct PathError: Error { let path: String }
}
