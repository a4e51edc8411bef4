/// A list of the API, page by page, in the form that was asked for.
import ArgumentParser
import JobModel
import TidewheelClient

struct PageFlags: ParsableArguments {
    @Option(help: "How many at most.")
    var limit = 50

    @Flag(help: "Every one there is, however many pages that takes.")
    var all = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }
}

struct Listing {
    let path: String
    /// The member of a page that has its items.
    let member: String
    let columns: [Column]
    var query: [(String, String)] = []
    /// The most that one page may have; nil where the list has no pages.
    var pageSize: Int? = 200
    /// Said on standard error where a table would have no rows.
    let nothing: String

    func show(_ flags: ClientFlags, _ pages: PageFlags? = nil) async throws {
        let client = try flags.client()
        var table = TextTable(columns, flags.terminal)
        var collected: [JSONValue] = []
        var count = 0
        let hasMore = try await forEachPage(client, pages) { items in
            count += items.count
            switch flags.output {
            case .table: if !items.isEmpty { for line in table.lines(items) { Output.line(line) } }
            case .jsonl: for item in items { Output.line(item.serialized) }
            case .json: collected += items
            }
        }
        if flags.output == .json { Output.line(JSONValue.array(collected).indented()) }
        guard flags.output == .table else { return }
        if count == 0 { Console.say(nothing) } else if hasMore { Console.say("There are more: --limit, or --all.") }
    }

    /// True when there may be more than was asked for.
    private func forEachPage(_ client: TidewheelClient, _ pages: PageFlags?, _ take: ([JSONValue]) -> Void) async throws -> Bool {
        var left = pages.map { $0.all ? Int.max : $0.limit } ?? .max
        var cursor: String?
        repeat {
            var query = query
            if let pageSize { query.append(("limit", String(min(left, pageSize)))) }
            if let cursor { query.append(("cursor", cursor)) }
            let page = try await client.ask("GET", path, query: query)
            guard let found = page[member]?.array else { throw TidewheelError.invalidAnswer("\(path) has no \(member).") }
            let items = found.prefix(left)
            left -= items.count
            cursor = page["next_cursor"]?.string
            take(Array(items))
        } while cursor != nil && left > 0
        return cursor != nil
    }
}

/// Words about times in tables.
enum Ago {
    /// Since a moment, in the largest unit that fits: `42s`, `7m`, `3h`, `12d`.
    static func since(_ text: String?, now: Timestamp = .now) -> String {
        guard let moment = text.flatMap({ Timestamp(rfc3339: $0) }) else { return "" }
        let seconds = max(0, (now.milliseconds - moment.milliseconds) / 1000)
        return of(seconds: seconds)
    }

    static func of(seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds)s"
        case ..<7_200: "\(seconds / 60)m"
        case ..<172_800: "\(seconds / 3_600)h"
        default: "\(seconds / 86_400)d"
        }
    }
}

extension Column {
    static func age(_ title: String, _ member: String) -> Column {
        Column(title, right: true) { Ago.since($0[member]?.string) }
    }

    static let progress = Column("PROGRESS", right: true) { item in
        item["progress"]?.number.map { "\(Int($0))%" } ?? ""
    }
}
