import Logging
import PrivateServers
import RedisWire
import Synchronization
import TestServers

/// What the tests of this room share: connections to a private server, and a log that can be read.
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func connect(
    _ server: PrivateRedis, _ suffix: String = "", options: RedisOptions = RedisOptions(), logger: Logger = quiet
) throws -> RedisConnection {
    RedisConnection(try server.address(suffix), options: options, logger: logger)
}

extension PrivateRedis {
    func address(_ suffix: String = "") throws -> RedisAddress { try RedisAddress(url: url + suffix) }

    /// The same socket, with a login.
    func address(as login: String) throws -> RedisAddress {
        try RedisAddress(url: url.replacing("unix://", with: "unix://\(login)@localhost"))
    }
}

/// Keeps "level message" of all that was logged.
final class LogBook: Sendable {
    private let lines = Mutex<[String]>([])

    /// Lines of that level or a higher one.
    func lines(from level: Logger.Level) -> [String] {
        lines.withLock { $0.filter { line in Logger.Level(rawValue: String(line.prefix { $0 != " " })).map { $0 >= level } ?? false } }
    }

    var logger: Logger { Logger(label: "test") { _ in Page(book: self) } }

    private struct Page: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            book.lines.withLock { $0.append("\(event.level) \(event.message)") }
        }
    }
}
