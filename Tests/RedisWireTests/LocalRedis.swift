import FoundationEssentials
import Glibc
import Logging
import RedisWire
import Synchronization

/// A redis-server of one test, on a unix socket in its own directory; ended with the value.
final class LocalRedis: Sendable {
    let directory: String
    private let arguments: [String]
    private let process = Mutex<pid_t>(0)

    init(_ arguments: [String] = []) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        self.arguments = arguments
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var url: String { "unix://\(directory)/r.sock" }

    func address(_ suffix: String = "") throws -> RedisAddress { try RedisAddress(url: url + suffix) }

    func start() throws {
        let line = [
            "redis-server", "--port", "0", "--unixsocket", "\(directory)/r.sock", "--dir", directory, "--save", "", "--daemonize", "no",
        ]
        process.withLock { $0 = spawn(line + ["--logfile", "\(directory)/log"] + arguments) }
    }

    func kill() {
        process.withLock { process in
            guard process > 0 else { return }
            Glibc.kill(process, SIGKILL)
            waitpid(process, nil, 0)
            process = 0
        }
    }
}

/// Starts a program found in PATH and returns its process id, 0 when it could not be started.
func spawn(_ line: [String]) -> pid_t {
    var process: pid_t = 0
    var arguments = line.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    return posix_spawnp(&process, line[0], nil, nil, arguments, environ) == 0 ? process : 0
}

@discardableResult
func runProgram(_ line: [String]) -> Bool {
    var status: Int32 = 0
    let process = spawn(line)
    return process > 0 && waitpid(process, &status, 0) == process && status == 0
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func connect(_ server: LocalRedis, _ suffix: String = "", options: RedisOptions = RedisOptions()) throws -> RedisConnection {
    RedisConnection(try server.address(suffix), options: options, logger: quiet)
}

/// Repeats until the condition holds; each try is a round trip to the server or a yield.
func until(_ seconds: Int = 10, _ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        await Task.yield()
    }
    return false
}
