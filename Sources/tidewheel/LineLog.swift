/// The log: one line an entry on standard error, time first, metadata as name=value at the end. Lines of several threads do not mix.
import Glibc
import JobModel
import Logging

struct LineLog: LogHandler {
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    static func logger(_ label: String, _ settings: Settings) -> Logger {
        let level = Logger.Level(rawValue: settings[Known.logLevel]) ?? .info
        return Logger(label: label) { LineLog(label: $0, logLevel: level) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(Timestamp.now) \(event.level) \(label): \(event.message)"
        for (name, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            line += " \(name)=\(Self.shown("\(value)"))"
        }
        let bytes = Array((line.map { $0.isNewline ? " " : String($0) }.joined() + "\n").utf8)
        // One write: the kernel keeps short writes to a pipe or terminal whole.
        _ = write(2, bytes, bytes.count)
    }

    private static func shown(_ value: String) -> String {
        value.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) || value.isEmpty ? value.debugDescription : value
    }
}
