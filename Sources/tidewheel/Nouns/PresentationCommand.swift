/// `tidewheel presentation …` and `tidewheel subject …`: presentations and what they are sorted under.
import ArgumentParser
import JobModel
import TidewheelClient

struct PresentationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presentation", abstract: "List presentations and put them under subjects.",
        subcommands: [PresentationList.self, PresentationGet.self, PresentationMove.self])
}

struct PresentationList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List presentations, newest first.")

    @OptionGroup var flags: ClientFlags
    @OptionGroup var pages: PageFlags

    @Option(
        help: "pending, processing, complete or error; separated by commas.",
        completion: .list(["pending", "processing", "complete", "error"]))
    var status: String?

    @Option(help: "Under this subject.")
    var subject: String?

    @Option(help: "Of this user.")
    var userID: String?

    @Option(help: ArgumentHelp("Not older: an RFC 3339 time, or a length of time ago.", valueName: "time"))
    var since: Moment?

    @Option(help: ArgumentHelp("Older.", valueName: "time"))
    var until: Moment?

    private static let columns = [
        Column("JOB", "job_id"), Column("STATUS", "status", status: true), .progress, Column("SUBJECT", "subject", shrinks: true),
        Column("SLIDES", "n_slides", right: true), .age("AGE", "created_at"), Column("TOPIC", "topic", shrinks: true),
    ]

    func run() async throws {
        let texts = [("status", status), ("subject", subject), ("user_id", userID), ("since", since?.text), ("until", until?.text)]
        try await Listing(
            path: "/api/presentations", member: "presentations", columns: Self.columns,
            query: texts.compactMap { name, text in text.map { (name, $0) } },
            nothing: "There are no such presentations."
        ).show(flags, pages)
    }
}

struct PresentationGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a presentation.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The id of its job.")
    var id: String

    func run() async throws {
        let found = try await flags.client().ask("GET", "/api/presentations/\(id.inPath)")
        let names = [
            "job_id", "topic", "status", "subject", "user_id", "n_slides", "progress", "step", "presenton_id", "presenton_url",
            "created_at",
            "completed_at", "error",
        ]
        flags.show(found, names.map { ($0, found[$0]?.plain ?? "") })
    }
}

struct PresentationMove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Put presentations under a subject, all of them or none.",
        discussion: "tidewheel presentation move ID ID … --to biology. The subject `default` is that of what nobody has sorted.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The ids of their jobs, 1,000 at most.")
    var ids: [String]

    @Option(help: "The subject, new or old.")
    var to: String

    @Option(help: "Only those that are under this subject now.")
    var from: String?

    func run() async throws {
        var body: [String: JSONValue] = ["ids": .array(ids.map(JSONValue.string)), "subject": .string(to)]
        body["from"] = from.map(JSONValue.string)
        let moved = try await flags.client().ask("PATCH", "/api/presentations", body: .object(body), isRepeatable: true)
        let unknown = moved["unknown"]?.array ?? []
        if flags.output == .table { Output.line("\(moved["moved"]?.integer ?? 0) moved to \(to)") } else { flags.show(moved, []) }
        guard unknown.isEmpty else {
            throw Ending(status: .notFound, message: "Error: There are no presentations \(unknown.map(\.plain).joined(separator: ", ")).")
        }
    }
}

struct SubjectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subject", abstract: "List, rename and merge subjects of presentations.",
        subcommands: [SubjectList.self, SubjectRename.self, SubjectMerge.self])
}

struct SubjectList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the subjects.")

    @OptionGroup var flags: ClientFlags
    @OptionGroup var pages: PageFlags

    private static let columns =
        [Column("SUBJECT", "subject", shrinks: true)]
        + ["count", "pending", "processing", "complete", "error"].map { Column($0.uppercased(), $0, right: true) }

    func run() async throws {
        try await Listing(
            path: "/api/subjects", member: "subjects", columns: Self.columns, pageSize: 500, nothing: "There are no presentations."
        ).show(flags, pages)
    }
}

struct SubjectRename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rename", abstract: "Give a subject a name that no other has.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The subject.")
    var from: String

    @Argument(help: "Its new name.")
    var to: String

    func run() async throws {
        let moved = try await flags.client().ask("POST", "/api/subjects/rename", body: ["from": .string(from), "to": .string(to)])
        if flags.output == .table { Output.line("\(moved["moved"]?.integer ?? 0) now under \(to)") } else { flags.show(moved, []) }
    }
}

struct SubjectMerge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Put everything that is under some subjects under one.",
        discussion: "tidewheel subject merge bio life --into biology")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The subjects, 100 at most.")
    var from: [String]

    @Option(help: "The subject, new or old.")
    var into: String

    func run() async throws {
        let body: JSONValue = ["from": .array(from.map(JSONValue.string)), "into": .string(into)]
        let moved = try await flags.client().ask("POST", "/api/subjects/merge", body: body, isRepeatable: true)
        if flags.output == .table { Output.line("\(moved["moved"]?.integer ?? 0) now under \(into)") } else { flags.show(moved, []) }
    }
}
