/// How jobs are followed on screen: one line a job that is drawn again, or, where nothing can be drawn again, a line for each thing that happens.
import JobModel
import Synchronization
import TidewheelClient

final class ProgressLines: Sendable {
    private struct Row {
        let id: String
        var status = "…"
        var percent = 0.0
        var text = ""
        var hasEnded = false
    }

    private struct State {
        var rows: [Row]
        var drawn = 0
    }

    private let terminal: Terminal
    /// What has scrolled out of the screen cannot be drawn again.
    private let isRedrawn: Bool
    private let state: Mutex<State>
    private let write: @Sendable (String) -> Void

    init(_ ids: [String], _ terminal: Terminal, write: @escaping @Sendable (String) -> Void) {
        self.terminal = terminal
        isRedrawn = terminal.isTerminal && ids.count < terminal.height
        self.write = write
        state = Mutex(State(rows: ids.map { Row(id: $0) }))
    }

    func told(_ update: JobUpdate, of id: String) {
        state.withLock { state in
            guard let index = state.rows.firstIndex(where: { $0.id == id }) else { return }
            Self.apply(update, to: &state.rows[index])
            if isRedrawn {
                draw(&state)
            } else if let line = plainLine(update, of: id, among: state.rows.count) {
                write(line + "\n")
            }
        }
    }

    /// So that what is printed next stands below.
    func finish() {
        state.withLock { $0.drawn = 0 }
    }

    /// On standard error; what is drawn again then stands below it.
    func say(_ line: String) {
        state.withLock { state in
            Console.say(line)
            state.drawn = 0
        }
    }

    private static func apply(_ update: JobUpdate, to row: inout Row) {
        switch update.name {
        case "started", "progress", "reclaimed", "cancelling": row.status = "processing"
        case "retrying": row.status = "scheduled"
        case "retried": (row.status, row.percent, row.hasEnded) = ("queued", 0, false)
        case "log", "token", "gap": break
        case "snapshot": row.status = update.data["status"]?.string ?? row.status
        default: row.status = update.name
        }
        row.percent = update.name == "completed" ? 100 : update.progress ?? row.percent
        row.text = update.error ?? update.message ?? (update.isEnd ? "" : row.text)
        row.hasEnded = update.isEnd
    }

    // MARK: a terminal

    /// Back to the first line of the block, then each line anew: nothing else may be printed meanwhile.
    private func draw(_ state: inout State) {
        let back = state.drawn > 0 ? "\u{1B}[\(state.drawn)A" : ""
        write(back + state.rows.map { "\r\u{1B}[K" + drawn($0) + "\n" }.joined())
        state.drawn = state.rows.count
    }

    private func drawn(_ row: Row) -> String {
        let width = terminal.width ?? 80
        let percent = "\(Int(row.percent))%".padded(to: 4, right: true)
        let bar = width >= 70 ? Self.bar(row.percent, of: 20) + " " : ""
        // A short id is enough to tell jobs of one screen apart.
        let id = width >= 100 ? row.id : String(row.id.suffix(12))
        let head = "\(id)  \(bar)\(percent)  "
        let status = row.status.padded(to: 10)
        let text = row.text.shownOnOneLine.cut(to: max(0, width - head.columns - status.columns - 3))
        return head + terminal.paint(status, Style.of(status: row.status)) + "  " + text
    }

    /// Eighths of a column.
    static func bar(_ percent: Double, of width: Int) -> String {
        let eighths = Int((min(max(percent, 0), 100) / 100 * Double(width * 8)).rounded())
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return (String(repeating: "█", count: eighths / 8) + parts[eighths % 8]).padded(to: width)
    }

    // MARK: a pipe

    private func plainLine(_ update: JobUpdate, of id: String, among count: Int) -> String? {
        guard update.name != "token" else { return nil }
        var parts = count > 1 ? [id] : []
        parts.append(update.data["timestamp"]?.string ?? "")
        parts.append(update.name)
        if let progress = update.progress, update.name == "progress" { parts.append("\(JSONValue.number(progress).serialized)%") }
        if let text = update.error ?? update.message { parts.append(text.shownOnOneLine) }
        return parts.joined(separator: "  ")
    }
}
