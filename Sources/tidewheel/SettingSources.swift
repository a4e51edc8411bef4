/// Finds the value of each setting: flag, environment, settings file, default. Everything is checked before anything starts.
import FoundationEssentials

struct Settings: Sendable {
    /// The settings file's own setting; it cannot stand in the file.
    static let fileName = "TIDEWHEEL_CONFIG"

    private let given: [String: String]

    /// `flags` are by setting name. An empty value counts as not given: compose files pass those.
    init(flags: [String: String] = [:], environment: [String: String] = ProcessInfo.processInfo.environment) throws(Refusal) {
        var given: [String: String] = [:]
        var sources: [(String, [String: String])] = []
        if let path = environment[Self.fileName], !path.isEmpty { sources.append((path, try Self.read(path))) }
        sources += [("the environment", environment), ("the command line", flags)]
        for (source, values) in sources {
            for entry in Known.table {
                guard let value = values[entry.name], !value.isEmpty else { continue }
                guard entry.accepts(value) else {
                    let shown = entry.isSecret ? "has a value that cannot be used" : "is \(value.debugDescription)"
                    throw Refusal("\(entry.name) in \(source) \(shown); it must be \(entry.allowed).")
                }
                given[entry.name] = value
            }
        }
        self.given = given
    }

    /// The value; nil when it was not given and there is no default.
    subscript<Value>(optional setting: Setting<Value>) -> Value? {
        let text = given[setting.entry.name] ?? setting.entry.standard
        return text.isEmpty ? nil : setting.parse(text)
    }

    subscript(setting: Setting<Int>) -> Int { self[optional: setting] ?? 0 }
    subscript(setting: Setting<Double>) -> Double { self[optional: setting] ?? 0 }
    subscript(setting: Setting<Bool>) -> Bool { self[optional: setting] ?? false }
    subscript(setting: Setting<String>) -> String { self[optional: setting] ?? "" }
    subscript(setting: Setting<[String]>) -> [String] { self[optional: setting] ?? [] }

    func isGiven<Value>(_ setting: Setting<Value>) -> Bool { given[setting.entry.name] != nil }

    /// What a child process must be told to be set like this one: it reads the same environment, and these on top.
    var environment: [String: String] {
        ProcessInfo.processInfo.environment.merging(given) { $1 }
    }

    /// Lines NAME=value; empty ones and those that begin with # are skipped. An unknown name is an error: it is a misspelt one.
    private static func read(_ path: String) throws(Refusal) -> [String: String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Refusal("The settings file \(path) cannot be read. Correct \(fileName), or unset it.")
        }
        var values: [String: String] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.trimmed
            if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
            let parts = trimmed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmed
            guard parts.count == 2, Known.table.contains(where: { $0.name == name }) else {
                throw Refusal("\(path):\(index + 1) is not a setting: a line is NAME=value with a name from docs/settings.md.")
            }
            values[name] = parts[1].trimmed
        }
        return values
    }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
