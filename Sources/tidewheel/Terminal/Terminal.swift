/// What is known of the place where output goes: a terminal or not, how wide, with colours or not.
import ArgumentParser
import FoundationEssentials
import Glibc

enum ColourChoice: String, CaseIterable, ExpressibleByArgument { case auto, always, never }

struct Terminal: Sendable {
    /// Whether lines can be redrawn.
    let isTerminal: Bool
    let hasColours: Bool
    /// Columns; nil where nothing is cut off.
    let width: Int?
    var height = 24

    static func of(_ descriptor: Int32, _ choice: ColourChoice) -> Terminal {
        let environment = ProcessInfo.processInfo.environment
        let size = size(of: descriptor)
        var terminal = of(isTerminal: isatty(descriptor) == 1, choice, environment, width: size?.columns)
        terminal.height = size?.rows ?? terminal.height
        return terminal
    }

    /// NO_COLOR counts when it is not empty; a dumb terminal can neither redraw nor colour.
    static func of(isTerminal: Bool, _ choice: ColourChoice, _ environment: [String: String], width: Int?) -> Terminal {
        let isDumb = environment["TERM"] == "dumb"
        let isPlain = isDumb || !(environment["NO_COLOR"] ?? "").isEmpty
        let hasColours =
            switch choice {
            case .always: true
            case .never: false
            case .auto: isTerminal && !isPlain
            }
        let given = environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        return Terminal(isTerminal: isTerminal && !isDumb, hasColours: hasColours, width: isTerminal ? width ?? given ?? 80 : nil)
    }

    private static func size(of descriptor: Int32) -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return (Int(size.ws_col), max(1, Int(size.ws_row)))
    }

    func paint(_ text: String, _ style: Style?) -> String {
        guard hasColours, let style else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }
}

enum Style: String {
    case bold = "1"
    case faint = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"

    /// The colour of a status, of whatever noun.
    static func of(status: String) -> Style? {
        switch status {
        case "completed", "complete", "alive", "ok", "enabled": .green
        case "failed", "error", "dead", "fail": .red
        case "cancelled", "stalled", "silent", "paused", "warn", "disabled": .yellow
        case "processing": .blue
        default: nil
        }
    }
}

/// Standard output, by whole lines. A reader that has gone ends the process without a word, as it does other programs.
enum Output {
    static func line(_ text: String) { bytes(Array((text + "\n").utf8)) }

    static func bytes(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EPIPE {
                _exit(128 + SIGPIPE)
            } else if errno != EINTR, errno != EAGAIN {
                Console.say("Error: The output cannot be written: \(String(cString: strerror(errno)))")
                _exit(ExitStatus.failed.rawValue)
            }
        }
    }

    static func flush() { fflush(nil) }
}
