/// `tidewheel queue …` and `tidewheel kind …`: where jobs wait, and what they can be.
import ArgumentParser
import JobModel
import TidewheelClient

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Look at queues, pause and resume them.",
        subcommands: [QueueList.self, QueuePause.self, QueueResume.self])
}

struct QueueList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the queues and how they stand.")

    @OptionGroup var flags: ClientFlags

    private static let columns = [
        Column("QUEUE", "queue"), Column("STATE", status: true) { $0["paused"] == true ? "paused" : "open" },
        Column("WAITING", "waiting", right: true), Column("RUNNING", "running", right: true), Column("SCHEDULED", "scheduled", right: true),
        Column("PARKED", "parked", right: true),
        Column("OLDEST", right: true) { item in
            (item["oldest_age_seconds"]?.number).flatMap { $0 > 0 ? Ago.of(seconds: Int64($0)) : nil } ?? ""
        },
        Column("COMPLETED", "completed", right: true), Column("FAILED", "failed", right: true),
    ]

    func run() async throws {
        try await Listing(path: "/queues", member: "queues", columns: Self.columns, pageSize: nil, nothing: "There are no queues.").show(
            flags)
    }
}

struct QueuePause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Start no more jobs of a queue; what runs goes on, and new jobs are taken.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The queue.", completion: Complete.queues)
    var queue: String

    @Option(help: "Who pauses it, for others to see.")
    var by: String?

    func run() async throws {
        let body = by.map { JSONValue.object(["by": .string($0)]) }
        let state = try await flags.client().ask("POST", "/queues/\(queue.inPath)/pause", body: body, isRepeatable: true)
        flags.show(state, QueueLines.of(state))
    }
}

struct QueueResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Start the jobs of a paused queue again.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The queue.", completion: Complete.queues)
    var queue: String

    func run() async throws {
        let state = try await flags.client().ask("POST", "/queues/\(queue.inPath)/resume", isRepeatable: true)
        flags.show(state, QueueLines.of(state))
    }
}

private enum QueueLines {
    static func of(_ state: JSONValue) -> [(String, String)] {
        [("queue", state["queue"]?.plain ?? ""), ("status", state["paused"] == true ? "paused" : "open")]
            + ["paused_at", "paused_by", "waiting", "running"].map { ($0, state[$0]?.plain ?? "") }
    }
}

struct KindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kind", abstract: "Show what jobs can do.", subcommands: [KindList.self, KindGet.self])
}

struct KindList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the kinds of jobs.")

    @OptionGroup var flags: ClientFlags

    func run() async throws {
        let columns = [Column("KIND", "kind"), Column("QUEUE", "queue"), Column("WHAT", "summary", shrinks: true)]
        try await Listing(path: "/kinds", member: "kinds", columns: columns, pageSize: nil, nothing: "There are no kinds.").show(flags)
    }
}

struct KindGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show what a kind takes.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The kind.", completion: Complete.kinds)
    var kind: String

    private static let columns = [
        Column("INPUT", "name"), Column("TYPE", "type"), Column("", "need"), Column("DEFAULT", "default", shrinks: true),
        Column("WHAT", "description", shrinks: true),
    ]

    func run() async throws {
        let kind = try await flags.client().ask("GET", "/kinds/\(kind.inPath)")
        flags.show(kind, ["kind", "summary", "queue", "max_attempts", "timeout_seconds"].map { ($0, kind[$0]?.plain ?? "") })
        guard flags.output == .table else { return }
        var table = TextTable(Self.columns, flags.terminal)
        Output.line("")
        for line in table.lines(Self.fields(kind["input_schema"] ?? .null)) { Output.line(line) }
    }

    private static func fields(_ schema: JSONValue) -> [JSONValue] {
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        return (schema["properties"]?.object ?? [:]).sorted {
            (required.contains($0.key) ? 0 : 1, $0.key) < (required.contains($1.key) ? 0 : 1, $1.key)
        }
        .map { name, field in
            .object([
                "name": .string(name), "type": field["type"] ?? (field["enum"] == nil ? "any" : "string"),
                "need": .string(required.contains(name) ? "required" : ""), "default": field["default"] ?? .null,
                "description": field["description"] ?? .null,
            ])
        }
    }
}
