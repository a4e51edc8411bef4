import JobModel
import Synchronization
import Testing

@testable import TidewheelClient
@testable import tidewheel

/// What people see: widths, tables, bars, colours.
struct TerminalTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("naïve", 5), ("e\u{301}", 1), ("日本語", 6), ("한국", 4), ("ｆｕｌｌ", 8), ("🚀", 2), ("👩‍👩‍👧", 2), ("❤️", 2), ("❤", 1),
        ("½…", 2),
        ("\u{200B}", 0), ("🇩🇪", 2), ("العربية", 7),
    ])
    func columnsOfTexts(text: String, columns: Int) {
        #expect(text.columns == columns)
    }

    @Test(arguments: [("abcdef", 4, "abc…"), ("abc", 3, "abc"), ("日本語", 4, "日…"), ("日本語", 5, "日本…"), ("ab", 1, "…"), ("ab", 0, "")])
    func textsAreCutToColumns(text: String, width: Int, cut: String) {
        #expect(text.cut(to: width) == cut)
        #expect(cut.columns <= max(width, 0))
    }

    @Test func whatATerminalObeysIsMadeHarmless() {
        #expect("a\u{1B}[31mb\nc\u{202E}d\u{9B}e".shownOnOneLine == "a\u{FFFD}[31mb c\u{FFFD}d\u{FFFD}e")
        #expect("日本 ✓".shownOnOneLine == "日本 ✓")
        #expect("\u{1B}]0;x\u{7}\u{1B}[2J\n\tb\r".shownOnLines == "\u{FFFD}]0;x\u{FFFD}\u{FFFD}[2J\n\tb\u{FFFD}")
        #expect("日本 ✓".shownOnLines == "日本 ✓")
    }

    private static let columns = [
        Column("NAME", "name", shrinks: true), Column("N", "n", right: true), Column("STATE", "state", status: true),
        Column("WHAT", "what", shrinks: true),
    ]
    private static let items: [JSONValue] = [
        ["name": "日本語のなまえ", "n": 7, "state": "completed", "what": "x"],
        ["name": "b", "n": 1234, "state": "failed", "what": "a long text, longer than the rest"],
    ]

    @Test func aTableInAPipeIsAlignedAndWhole() {
        var table = TextTable(Self.columns, Terminal(isTerminal: false, hasColours: false, width: nil))
        #expect(
            table.lines(Self.items) == [
                "NAME               N  STATE      WHAT", "日本語のなまえ     7  completed  x",
                "b               1234  failed     a long text, longer than the rest",
            ])
        #expect(table.lines([["name": "c"]]) == ["c"])
    }

    @Test(arguments: [30, 40, 50, 60])
    func aTableOnATerminalFitsItsWidth(width: Int) {
        var table = TextTable(Self.columns, Terminal(isTerminal: true, hasColours: false, width: width))
        let lines = table.lines(Self.items)
        for line in lines { #expect(line.columns <= width, "\(line)") }
        #expect(lines[2].contains("…") == (width < 68))
    }

    @Test func onlyColoursMakeADifference() {
        var plain = TextTable(Self.columns, Terminal(isTerminal: true, hasColours: false, width: 60))
        var coloured = TextTable(Self.columns, Terminal(isTerminal: true, hasColours: true, width: 60))
        let lines = coloured.lines(Self.items)
        #expect(lines[1].contains("\u{1B}[32mcompleted") && lines[2].contains("\u{1B}[31mfailed"))
        #expect(lines.map { $0.replacing(/\u{1B}\[[0-9]*m/, with: "") }.map(Self.trimmed) == plain.lines(Self.items).map(Self.trimmed))
    }

    private static func trimmed(_ line: String) -> String { String(line.reversed().drop { $0 == " " }.reversed()) }

    @Test(arguments: [
        (true, ColourChoice.auto, [:], true), (false, .auto, [:], false), (true, .auto, ["NO_COLOR": "1"], false),
        (true, .auto, ["NO_COLOR": ""], true),
        (true, .auto, ["TERM": "dumb"], false), (false, .always, ["NO_COLOR": "1"], true), (true, .never, [:], false),
    ])
    func coloursAreWhereTheyAreWanted(isTerminal: Bool, choice: ColourChoice, environment: [String: String], has: Bool) {
        let terminal = Terminal.of(isTerminal: isTerminal, choice, environment, width: 80)
        #expect(terminal.hasColours == has)
        #expect(terminal.isTerminal == (isTerminal && environment["TERM"] != "dumb"))
        #expect((terminal.width == nil) == !isTerminal)
    }

    @Test func barsHaveOneWidth() {
        for percent in stride(from: -10.0, through: 110, by: 3.7) { #expect(ProgressLines.bar(percent, of: 20).columns == 20) }
        #expect(ProgressLines.bar(50, of: 4) == "██  ")
        #expect(ProgressLines.bar(56.25, of: 2) == "█▏")
        #expect(ProgressLines.bar(100, of: 4) == "████")
    }

    private func update(_ name: String, _ data: String) throws -> JobUpdate {
        try JobUpdate(ServerEvent(id: "1", isNumbered: true, name: name, data: data))
    }

    @Test func aTerminalDrawsABlockAgain() throws {
        let said = Mutex<[String]>([])
        let lines = ProgressLines(["job-a", "job-b"], Terminal(isTerminal: true, hasColours: false, width: 60)) { text in
            said.withLock { $0.append(text) }
        }
        lines.told(try update("progress", #"{"progress":40,"message":"page\u001b[2J 2"}"#), of: "job-a")
        lines.told(try update("failed", #"{"error":"no"}"#), of: "job-b")
        let drawn = said.withLock { $0 }
        #expect(drawn[0] == "\r\u{1B}[Kjob-a   40%  processing  page\u{FFFD}[2J 2\n\r\u{1B}[Kjob-b    0%  …           \n")
        #expect(drawn[1].hasPrefix("\u{1B}[2A\r\u{1B}[Kjob-a   40%"))
        #expect(drawn[1].hasSuffix("failed      no\n"))
    }

    @Test func aPipeGetsALineForEachEvent() throws {
        let said = Mutex("")
        let lines = ProgressLines(["job-a"], Terminal(isTerminal: false, hasColours: false, width: nil)) { text in
            said.withLock { $0 += text }
        }
        lines.told(try update("progress", #"{"progress":40.5,"message":"two\nlines","timestamp":"T"}"#), of: "job-a")
        lines.told(try update("token", #"{"text":"x"}"#), of: "job-a")
        lines.told(try update("completed", #"{"timestamp":"U","result":{}}"#), of: "job-a")
        #expect(said.withLock { $0 } == "T  progress  40.5%  two lines\nU  completed\n")
    }

    @Test func documentsAreIndented() {
        #expect(
            JSONValue.object(["b": [1, [:]], "a": "x\"y"]).indented() == "{\n  \"a\": \"x\\\"y\",\n  \"b\": [\n    1,\n    {}\n  ]\n}")
    }

    @Test(arguments: [("90", 90.0), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86_400), ("0", 0)])
    func lengthsOfTime(text: String, seconds: Double) { #expect(TimeLength(argument: text)?.seconds == seconds) }

    @Test(arguments: ["", "x", "5w", "-1", "nan", "1e99", "s"])
    func whatIsNoLengthOfTime(text: String) { #expect(TimeLength(argument: text) == nil) }
}
