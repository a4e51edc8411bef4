/// A redis-server of our own: a child process on a unix socket in a directory that only this user can enter.
import FoundationEssentials
import Glibc
import Synchronization

package final class PrivateRedis: Sendable {
    package let directory: String
    package let socketPath: String
    private let order: ChildOrder
    private let child: Mutex<ChildProcess>

    package var url: String { "unix://\(socketPath)" }
    package var processID: Int32 { current.processID }
    package var logPath: String { "\(directory)/redis.log" }

    private init(directory: String, order: ChildOrder, child: ChildProcess) {
        self.directory = directory
        self.order = order
        socketPath = Self.socketPath(in: directory)
        self.child = Mutex(child)
    }

    /// Starts a server and returns when it accepts connections. `persistent` keeps its data in an append-only file across restarts.
    /// `arguments` are appended, and win: `["--port", "6390"]` adds TCP on 127.0.0.1.
    package static func start(
        in directory: String, persistent: Bool, arguments: [String] = []
    ) async throws(PrivateServerError) -> PrivateRedis {
        let program = try ServerPrograms.find("redis-server", package: "redis-server")
        let directory = absolute(directory)
        let socket = socketPath(in: directory)
        guard socket.utf8.count < 108 else { throw .pathTooLong(socket) }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch { throw .directory(directory, "\(error)") }
        guard chmod(directory, 0o700) == 0 else { throw .directory(directory, String(cString: strerror(errno))) }
        let order = ChildOrder(
            program,
            [
                "--port", "0", "--bind", "127.0.0.1", "--unixsocket", socket, "--dir", directory, "--save", "",
                "--appendonly", persistent ? "yes" : "no", "--maxmemory-policy", "noeviction",
                "--hash-max-listpack-value", "1024", "--stream-node-max-entries", "20", "--daemonize", "no", "--logfile", "",
            ] + arguments)
        let child = try await launch(order, log: "\(directory)/redis.log")
        return PrivateRedis(directory: directory, order: order, child: child)
    }

    package func stop() async { await current.stop() }

    /// SIGKILL: what Redis had not written is lost.
    package func kill() { current.kill() }
    package func freeze() { current.freeze() }
    package func thaw() { current.thaw() }

    /// The server's end, for whoever must not go on without it.
    package func exit() async -> ChildExit? { await current.exit() }

    /// Stops the server if it runs, and starts it on the same socket with the same data directory.
    package func restart() async throws(PrivateServerError) {
        await current.stop()
        let started = try await Self.launch(order, log: logPath)
        child.withLock { $0 = started }
    }

    private var current: ChildProcess { child.withLock { $0 } }

    private static func socketPath(in directory: String) -> String { "\(directory)/r.sock" }

    private static func launch(_ order: ChildOrder, log path: String) async throws(PrivateServerError) -> ChildProcess {
        let log = ServerLog(path: path)
        let child = try ChildProcess(order, onLine: { log.append($0) }, onEnd: { log.end() })
        try await log.waitUntilReady(child, name: "redis-server")
        return child
    }
}

/// Servers change their working directory: paths given to them must not depend on it.
func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}
