/// `tidewheel man`: the manual pages, one a command, from the declarations that --help shows. deploy/Dockerfile installs them.
import ArgumentParser
import FoundationEssentials
import JobModel

struct ManCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "man", abstract: "Print the manual page of a command, or write all of them.",
        discussion: "tidewheel man job submit | man -l -        tidewheel man --directory /usr/local/share/man/man1")

    @Argument(help: "The command, such as: job submit.")
    var command: [String] = []

    @Option(help: "Write every page into this directory.", completion: .directory)
    var directory: String?

    func run() throws {
        let pages = try ManPage.all()
        guard let directory else {
            guard let page = pages.first(where: { $0.path == ["tidewheel"] + command }) else {
                throw Ending(status: .usage, message: "Error: There is no command `tidewheel \(command.joined(separator: " "))`.")
            }
            return Output.bytes(Array(page.text.utf8))
        }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            for page in pages { try Data(page.text.utf8).write(to: URL(filePath: "\(directory)/\(page.name).1")) }
        } catch { throw Ending(status: .failed, message: "Error: The pages cannot be written to \(directory): \(error)") }
        Output.line("\(pages.count) pages in \(directory)")
    }
}

/// One page, in the macros of man(7).
struct ManPage {
    let path: [String]
    private let command: JSONValue

    /// The parser's own description of the commands, in the order of --help; hidden ones have no page.
    static func all() throws -> [ManPage] {
        let tree = try JSONReader.read(Tidewheel._dumpHelp())
        return pages(of: tree["command"] ?? .null, below: [])
    }

    private static func pages(of command: JSONValue, below: [String]) -> [ManPage] {
        guard command["shouldDisplay"] != false, let name = command["commandName"]?.string, name != "help" else { return [] }
        let path = below + [name]
        return [ManPage(path: path, command: command)] + (command["subcommands"]?.array ?? []).flatMap { pages(of: $0, below: path) }
    }

    var name: String { path.joined(separator: "-") }
    private var spoken: String { path.joined(separator: " ") }
    private var subcommands: [JSONValue] {
        (command["subcommands"]?.array ?? []).filter { $0["shouldDisplay"] != false && $0["commandName"] != "help" }
    }
    private var arguments: [JSONValue] { (command["arguments"]?.array ?? []).filter { $0["shouldDisplay"] != false } }

    var text: String {
        var lines = [".TH \"\(name.uppercased())\" 1 \"\" \"tidewheel \(Tidewheel.version)\" \"Tidewheel\"", ".nh", ".ad l"]
        lines += [".SH NAME", "\(escaped(name)) \\- \(escaped(command["abstract"]?.string ?? ""))", ".SH SYNOPSIS", synopsis]
        if let discussion = command["discussion"]?.string, !discussion.isEmpty {
            lines += [".SH DESCRIPTION"] + discussion.split(separator: "\n").flatMap { [escaped(String($0)), ".br"] }
        }
        if !subcommands.isEmpty { lines += [".SH COMMANDS"] + subcommands.flatMap(subcommand) }
        lines += section("ARGUMENTS", arguments.filter { $0["kind"] == "positional" })
        lines += section("OPTIONS", arguments.filter { $0["kind"] != "positional" })
        if path.count == 1 { lines += Self.environment + Self.exitStatus }
        return (lines + seeAlso).joined(separator: "\n") + "\n"
    }

    private var synopsis: String {
        let words = arguments.filter { $0["kind"] == "positional" }.map { argument in
            let name = "\\fI\(escaped(argument["valueName"]?.string ?? ""))\\fR" + (argument["isRepeating"] == true ? " ..." : "")
            return argument["isOptional"] == true ? "[\(name)]" : name
        }
        return ([".B \(escaped(spoken))\n[\\fIoptions\\fR]"] + words + (subcommands.isEmpty ? [] : ["\\fIcommand\\fR"])).joined(
            separator: " ")
    }

    private func subcommand(_ command: JSONValue) -> [String] {
        let page = escaped("\(name)-\(command["commandName"]?.string ?? "")")
        return [".TP", ".BR \(page) (1)", escaped(command["abstract"]?.string ?? "")]
    }

    private func section(_ title: String, _ arguments: [JSONValue]) -> [String] {
        arguments.isEmpty ? [] : [".SH \(title)"] + arguments.flatMap { [".TP", head(of: $0), body(of: $0)] }
    }

    private func head(of argument: JSONValue) -> String {
        let value = "\\fI\(escaped(argument["valueName"]?.string ?? ""))\\fR"
        guard argument["kind"] != "positional" else { return value }
        let names = (argument["names"]?.array ?? []).map { name in
            "\\fB\(escaped((name["kind"] == "short" ? "-" : "--") + (name["name"]?.string ?? "")))\\fR"
        }
        return names.joined(separator: ", ") + (argument["kind"] == "option" ? " \(value)" : "")
    }

    private func body(of argument: JSONValue) -> String {
        var text = argument["abstract"]?.string ?? ""
        if let standard = argument["defaultValue"]?.string { text += " (default: \(standard))" }
        return text.isEmpty ? "\\&" : escaped(text)
    }

    private static let environment = [
        ".SH ENVIRONMENT", ".TP", ".B TIDEWHEEL_URL", "The address of the API.", ".TP", ".B TIDEWHEEL_API_KEY, TIDEWHEEL_API_KEY_FILE",
        "The key, or a file that holds it.", ".TP", ".B NO_COLOR, TERM", "No colours where the first is not empty or the second is dumb.",
        ".PP",
        "Processes read the settings of docs/settings.md.",
    ]

    private static let exitStatus = [".SH EXIT STATUS"] + ExitStatus.allCases.flatMap { [".TP", ".B \($0.rawValue)", $0.meaning] }

    /// The command above, and the top.
    private var seeAlso: [String] {
        guard path.count > 1 else { return [] }
        let pages = [path.dropLast().joined(separator: "-"), "tidewheel"]
        let shown = pages[0] == pages[1] ? [pages[1]] : pages
        return [".SH SEE ALSO", shown.map { ".BR \(escaped($0)) (1)" }.joined(separator: ",\n")]
    }

    /// roff reads a leading dot or quote as a request, a backslash as an escape, and a bare hyphen as one that may be broken at.
    private func escaped(_ text: String) -> String {
        let plain = text.map { character in
            switch character {
            case "\\": "\\e"
            case "-": "\\-"
            case "`": "\\(ga"
            case "\u{2026}": "..."
            default: String(character)
            }
        }.joined()
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&\(plain)" : plain
    }
}
