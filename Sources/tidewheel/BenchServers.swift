/// The servers of a bench, in a directory that is removed with them; none where the settings name them.
import FoundationEssentials
import Glibc
import PrivateServers

struct BenchServers: Sendable {
    let directory: String
    let redisURL: String
    let databaseURL: String
    let ownsRedis: Bool
    private let redis: PrivateRedis?
    private let postgres: PrivatePostgres?

    init(_ settings: Settings, onUnixSocket: Bool) async throws {
        directory = try BenchServers.makeDirectory()
        ownsRedis = !settings.isGiven(Known.redisURL)
        let port = try BenchServers.freePort()
        redis =
            ownsRedis
            ? try await PrivateRedis.start(
                in: directory + "/redis", persistent: false, arguments: onUnixSocket ? [] : ["--port", String(port)]) : nil
        redisURL = redis.map { onUnixSocket ? $0.url : "redis://127.0.0.1:\(port)" } ?? settings[Known.redisURL]
        if settings.isGiven(Known.databaseURL) {
            postgres = nil
            databaseURL = settings[Known.databaseURL]
        } else {
            let server = try await PrivatePostgres.start(in: directory + "/postgres", durable: true)
            try await server.createDatabase("bench")
            postgres = server
            databaseURL = server.url(of: "bench")
        }
    }

    func stop() async {
        await redis?.stop()
        await postgres?.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// PostgreSQL, which runs as another user when this process is root's, must be able to pass through it.
    private static func makeDirectory() throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/tidewheel-bench-\(getpid())"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard chmod(path, 0o711) == 0 else { throw Refusal("\(path) could not be prepared: \(String(cString: strerror(errno)))") }
        return path
    }

    /// A port that nobody uses at this moment.
    private static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0 }
        }
        guard found else { throw Refusal("There is no free port on 127.0.0.1.") }
        return UInt16(bigEndian: address.sin_port)
    }
}
