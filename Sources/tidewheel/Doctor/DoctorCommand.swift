/// `tidewheel doctor`: looks at everything an installation is made of, and says how to mend what is wrong. It changes nothing.
/// It reads the same settings as `api` and `worker`: run it where they run. `RedisChecks`, `JobChecks`, `PostgresChecks` and `ServiceChecks` look.
import ArgumentParser
import JobModel
import JobQueue
import Logging

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check Redis, PostgreSQL, workers, jobs and services, and say how to mend what is wrong.",
        discussion: "Exit status: 0 when all is well, 8 with warnings, 1 when something is broken.")

    @OptionGroup var given: GivenFlags
    @OptionGroup var flags: ClientFlags

    @Option(help: ArgumentHelp("What each part may take to answer.", valueName: "time"))
    var within = TimeLength(argument: "5s")!

    @Flag(help: "What is well is not told.")
    var quiet = false

    func run() async throws {
        let settings = try Settings(flags: given.byName())
        // What the clients of stores log on their way is in the findings.
        let logger = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        let findings = try await Examination(settings: settings, flags: flags, limit: within.duration, logger: logger).findings()
        show(findings)
        switch findings.map(\.level).max() ?? .ok {
        case .ok: return
        case .warn: throw Ending(status: .warned)
        case .fail: throw Ending(status: .failed)
        }
    }

    private func show(_ findings: [Finding]) {
        let shown = quiet ? findings.filter { $0.level != .ok } : findings
        switch flags.output {
        case .json:
            let worst = findings.map(\.level).max() ?? .ok
            Output.line(JSONValue.object(["status": .string(worst.rawValue), "checks": .array(shown.map(\.document))]).indented())
        case .jsonl: for finding in shown { Output.line(finding.document.serialized) }
        case .table:
            let terminal = flags.terminal
            let width = shown.map(\.name.columns).max() ?? 0
            for finding in shown {
                let level = terminal.paint(finding.level.rawValue.padded(to: 4), Style.of(status: finding.level.rawValue))
                Output.line("\(level)  \(finding.name.padded(to: width))  \(finding.detail.shownOnOneLine)")
                if !finding.mend.isEmpty {
                    Output.line("\(String(repeating: " ", count: 8 + width))\(terminal.paint("→", .faint)) \(finding.mend)")
                }
            }
        }
    }
}

/// What one look has found.
struct Finding: Sendable {
    enum Level: String, Sendable, Comparable {
        case ok, warn, fail

        static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

        private var rank: Int { self == .ok ? 0 : self == .warn ? 1 : 2 }
    }

    let level: Level
    let name: String
    let detail: String
    /// What to do; empty where nothing is to be done.
    var mend = ""

    static func ok(_ name: String, _ detail: String) -> Finding { Finding(level: .ok, name: name, detail: detail) }
    static func warn(_ name: String, _ detail: String, _ mend: String) -> Finding {
        Finding(level: .warn, name: name, detail: detail, mend: mend)
    }
    static func fail(_ name: String, _ detail: String, _ mend: String) -> Finding {
        Finding(level: .fail, name: name, detail: detail, mend: mend)
    }

    var document: JSONValue {
        ["status": .string(level.rawValue), "name": .string(name), "detail": .string(detail), "mend": mend.isEmpty ? .null : .string(mend)]
    }
}
