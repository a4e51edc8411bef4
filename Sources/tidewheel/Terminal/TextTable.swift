/// Rows in aligned columns, as wide as the terminal at most. `Listing` feeds it page by page.
import JobModel

struct Column: Sendable {
    let title: String
    var isRight = false
    /// Gives way when the terminal is too narrow. Others keep what they need.
    var shrinks = false
    var isStatus = false
    let text: @Sendable (JSONValue) -> String

    init(
        _ title: String, right: Bool = false, shrinks: Bool = false, status: Bool = false, _ text: @escaping @Sendable (JSONValue) -> String
    ) {
        self.title = title
        isRight = right
        self.shrinks = shrinks
        isStatus = status
        self.text = text
    }

    /// A member, as it is.
    init(_ title: String, _ member: String, right: Bool = false, shrinks: Bool = false, status: Bool = false) {
        self.init(title, right: right, shrinks: shrinks, status: status) { $0[member]?.plain ?? "" }
    }
}

struct TextTable {
    private let columns: [Column]
    private let terminal: Terminal
    private var widths: [Int] = []

    init(_ columns: [Column], _ terminal: Terminal) {
        self.columns = columns
        self.terminal = terminal
    }

    /// The lines of one page; the head comes with the first one, and columns never get narrower again.
    mutating func lines(_ items: [JSONValue]) -> [String] {
        let isFirst = widths.isEmpty
        let rows = items.map { item in columns.map { $0.text(item).shownOnOneLine } }
        fit(rows)
        let head = isFirst ? [terminal.paint(line(columns.map(\.title), plain: true), .bold)] : []
        return head + rows.map { line($0, plain: false) }
    }

    private mutating func fit(_ rows: [[String]]) {
        if widths.isEmpty { widths = columns.map(\.title.columns) }
        for row in rows { widths = zip(widths, row).map { max($0, $1.columns) } }
        guard let width = terminal.width else { return }
        var excess = widths.reduce(0, +) + 2 * (columns.count - 1) - width
        // The widest first, down to four columns.
        while excess > 0,
            let widest = columns.indices.filter({ columns[$0].shrinks && widths[$0] > 4 }).max(by: { widths[$0] < widths[$1] })
        {
            widths[widest] -= 1
            excess -= 1
        }
    }

    private func line(_ cells: [String], plain: Bool) -> String {
        var parts: [String] = []
        for (index, cell) in cells.enumerated() {
            let cut = columns[index].shrinks && terminal.width != nil ? cell.cut(to: widths[index]) : cell
            let isLast = index == cells.count - 1
            let text = isLast && !columns[index].isRight ? cut : cut.padded(to: widths[index], right: columns[index].isRight)
            parts.append(plain || !columns[index].isStatus ? text : terminal.paint(text, Style.of(status: cell)))
        }
        let whole = parts.joined(separator: "  ")
        return String(whole.reversed().drop { $0 == " " }.reversed())
    }
}

extension JSONValue {
    /// As a cell: texts without quotes, nothing for null.
    var plain: String {
        switch self {
        case .null: ""
        case .string(let text): text
        case .array(let values): values.map(\.plain).joined(separator: ",")
        default: serialized
        }
    }

    /// Over several lines, for people; members in the order of their names.
    func indented(_ depth: Int = 0) -> String {
        let (outer, inner) = (String(repeating: "  ", count: depth), String(repeating: "  ", count: depth + 1))
        switch self {
        case .array(let values) where !values.isEmpty:
            return "[\n" + values.map { inner + $0.indented(depth + 1) }.joined(separator: ",\n") + "\n\(outer)]"
        case .object(let members) where !members.isEmpty:
            let lines = members.sorted { $0.key < $1.key }.map {
                "\(inner)\(JSONValue.string($0.key).serialized): \($0.value.indented(depth + 1))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(outer)}"
        default: return serialized
        }
    }
}
