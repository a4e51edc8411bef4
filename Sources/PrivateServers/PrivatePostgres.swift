/// A PostgreSQL of our own: a cluster made on first use, a child process, a unix socket in a directory that only its user can enter.
/// Clients are let in by the kernel's word on who they are (peer authentication); there is no password and no TCP.
import FoundationEssentials
import Glibc
import Synchronization

package final class PrivatePostgres: Sendable {
    package let directory: String
    private let programs: String
    private let order: ChildOrder
    private let child: Mutex<ChildProcess>

    /// The database role of everything in this server. It owns it.
    package static let role = "tidewheel"

    /// The address of the database `postgres`; `url(of:)` gives the others.
    package var url: String { url(of: "postgres") }
    package var processID: Int32 { current.processID }
    package var logPath: String { "\(directory)/postgres.log" }
    package var socketDirectory: String { "\(directory)/run" }

    private init(directory: String, programs: String, order: ChildOrder, child: ChildProcess) {
        self.directory = directory
        self.programs = programs
        self.order = order
        self.child = Mutex(child)
    }

    /// Makes the cluster if there is none, starts it, and returns when it accepts connections.
    /// Not `durable`: nothing is flushed to the disk; commits survive a kill of the server, not a power cut.
    package static func start(in directory: String, durable: Bool = false) async throws(PrivateServerError) -> PrivatePostgres {
        let directory = absolute(directory)
        let socket = "\(directory)/run/.s.PGSQL.5432"
        guard socket.utf8.count < 108 else { throw .pathTooLong(socket) }
        let user = try SystemUser.forPostgres()
        try user.makeDirectory(directory)
        try user.makeDirectory("\(directory)/run")
        let version = try? String(contentsOfFile: "\(directory)/data/PG_VERSION", encoding: .utf8)
        let programs = try ServerPrograms.postgres(version: version.map { String($0.filter { !$0.isWhitespace }) })
        let cluster = PostgresCluster(directory: directory, programs: programs, user: user)
        if version == nil { try await cluster.create() }
        try cluster.writeAccessRules()
        let order = try cluster.serverOrder(durable: durable)
        let child = try await launch(order, log: "\(directory)/postgres.log")
        return PrivatePostgres(directory: directory, programs: programs, order: order, child: child)
    }

    package func url(of database: String) -> String {
        let host = socketDirectory.utf8.map { byte in
            let isPlain = byte == 0x2D || byte == 0x2E || byte == 0x5F || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            let isLetter = UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
            return isPlain || isLetter
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        return "postgresql://\(Self.role)@\(host.joined())/\(database)"
    }

    /// Makes an empty database, or a copy of `template`; does nothing when `template` is nil and it exists.
    /// Names are of our own making: small letters, digits, underscores.
    package func createDatabase(_ name: String, template: String? = nil) async throws(PrivateServerError) {
        precondition((name + (template ?? "")).utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) })
        if template == nil, try await run("SELECT 1 FROM pg_database WHERE datname = '\(name)'").contains("1") { return }
        _ = try await run("CREATE DATABASE \(name) TEMPLATE \(template ?? "template1")")
    }

    /// Runs one SQL text through psql and returns what it printed, unaligned and without headings.
    package func run(_ sql: String, database: String = "postgres") async throws(PrivateServerError) -> [String] {
        try await Tool.output(
            of: ChildOrder("\(programs)/psql", ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url(of: database), "-c", sql]))
    }

    /// Fast shutdown: open transactions are rolled back.
    package func stop() async { await current.stop(grace: .seconds(20)) }

    /// SIGKILL to the postmaster and all its backends, as when a machine fails: one that was left would answer for a moment longer.
    package func kill() {
        let family = family
        current.kill()
        for process in family { _ = Glibc.kill(process, SIGKILL) }
    }

    package func exit() async -> ChildExit? { await current.exit() }

    /// Freezes the postmaster and all its backends, which are groups of their own.
    package func freeze() { for process in family { _ = Glibc.kill(process, SIGSTOP) } }
    package func thaw() { for process in family { _ = Glibc.kill(process, SIGCONT) } }

    /// Stops the server if it runs, and starts it again. After `kill` the old backends may need a moment to leave the shared memory.
    package func restart() async throws(PrivateServerError) {
        thaw()
        await stop()
        for attempt in 1...50 {
            do {
                let started = try await Self.launch(order, log: logPath)
                child.withLock { $0 = started }
                return
            } catch {
                guard attempt < 50, "\(error)".contains("still in use") else { throw error }
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private var current: ChildProcess { child.withLock { $0 } }

    private var family: [Int32] {
        guard current.exitIfEnded == nil else { return [] }
        let children = (try? String(contentsOfFile: "/proc/\(processID)/task/\(processID)/children", encoding: .utf8)) ?? ""
        return [processID] + children.split(separator: " ").compactMap { Int32($0) }.filter(isBackend)
    }

    /// The guard is a child of the postmaster too, and must stay awake.
    private func isBackend(_ process: Int32) -> Bool {
        (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8))?.hasPrefix("postgres") ?? false
    }

    private static func launch(_ order: ChildOrder, log path: String) async throws(PrivateServerError) -> ChildProcess {
        let log = ServerLog(path: path)
        let child = try ChildProcess(order, onLine: { log.append($0) }, onEnd: { log.end() })
        try await log.waitUntilReady(child, name: "PostgreSQL")
        return child
    }
}
