/// `tidewheel schedule …`: jobs that are made again and again. A schedule is named by its name or its id.
import ArgumentParser
import JobModel
import TidewheelClient

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Make, change and run schedules.",
        subcommands: [
            ScheduleList.self, ScheduleGet.self, ScheduleCreate.self, ScheduleChange.self, ScheduleDelete.self, ScheduleRun.self,
        ])
}

private enum ScheduleNames {
    /// Names are the people's, ids the API's: what looks like an id is one.
    static func path(_ name: String, _ client: TidewheelClient) async throws -> String {
        if JobID(name) != nil { return "/schedules/\(name)" }
        let found = try await client.ask("GET", "/schedules", query: [("name", name)])
        guard let id = found["schedules"]?.array?.first?["schedule_id"]?.string else {
            throw Ending(
                status: .notFound, message: "Error: There is no schedule \(name.debugDescription); `tidewheel schedule list` shows them.")
        }
        return "/schedules/\(id)"
    }

    static func lines(_ schedule: JSONValue) -> [(String, String)] {
        let names = [
            "schedule_id", "name", "expression", "time_zone", "kind", "input", "missed", "overlap", "enabled", "next_run_at", "last_run_at",
            "last_job_id", "last_error",
        ]
        return names.map { ($0, schedule[$0]?.plain ?? "") }
    }
}

struct ScheduleList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the schedules.")

    @OptionGroup var flags: ClientFlags
    @OptionGroup var pages: PageFlags

    private static let columns = [
        Column("NAME", "name", shrinks: true), Column("EXPRESSION", "expression"), Column("ZONE", "time_zone"), Column("KIND", "kind"),
        Column("STATE", status: true) { $0["enabled"] == false ? "disabled" : "enabled" }, Column("NEXT", "next_run_at"),
        Column("TROUBLE", "last_error", shrinks: true),
    ]

    func run() async throws {
        try await Listing(
            path: "/schedules", member: "schedules", columns: Self.columns, pageSize: 500, nothing: "There are no schedules."
        ).show(flags, pages)
    }
}

struct ScheduleGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a schedule.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "Its name or id.")
    var schedule: String

    func run() async throws {
        let client = try flags.client()
        let found = try await client.ask("GET", ScheduleNames.path(schedule, client))
        flags.show(found, ScheduleNames.lines(found))
    }
}

/// What a schedule says of its times.
struct TimeFlags: ParsableArguments {
    @Option(help: "When it fires: five or six cron fields, @daily, or @every 90s.")
    var expression: String?

    @Option(help: "An IANA name such as Europe/Berlin; UTC without a word.")
    var timeZone: String?

    @Option(help: "What becomes of times at which nobody was there: run_once or skip.", completion: .list(["run_once", "skip"]))
    var missed: String?

    @Option(help: "While the job before lives: allow or skip.", completion: .list(["allow", "skip"]))
    var overlap: String?

    var members: [String: JSONValue] {
        let texts = ["expression": expression, "time_zone": timeZone, "missed": missed, "overlap": overlap]
        return texts.compactMapValues { $0.map(JSONValue.string) }
    }
}

struct ScheduleCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a schedule.",
        discussion: "tidewheel schedule create nightly --kind web_crawl --expression '30 2 * * *' --set url=https://example.com/")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "Its name.")
    var name: String

    @Option(help: "What its jobs do.", completion: Complete.kinds)
    var kind: String

    @OptionGroup var times: TimeFlags
    @OptionGroup var input: InputFlags
    @OptionGroup var options: OptionFlags

    @Flag(help: "It does not fire until it is enabled.")
    var disabled = false

    func validate() throws {
        guard times.expression != nil else { throw ValidationError("--expression is missing: when does it fire?") }
    }

    func run() async throws {
        let client = try flags.client()
        var members = try options.members().merging(times.members) { $1 }
        members["name"] = .string(name)
        members["kind"] = .string(kind)
        members["input"] = try await input.read(kind: kind, client)
        if disabled { members["enabled"] = false }
        let made = try await client.ask("POST", "/schedules", body: .object(members))
        flags.show(made, ScheduleNames.lines(made))
    }
}

struct ScheduleChange: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change", abstract: "Change a schedule; what is not said stays.",
        discussion: "--input and --set replace its whole input.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "Its name or id.")
    var schedule: String

    @Option(help: "A new name.")
    var name: String?

    @Option(help: "What its jobs do.", completion: Complete.kinds)
    var kind: String?

    @OptionGroup var times: TimeFlags
    @OptionGroup var input: InputFlags
    @OptionGroup var options: OptionFlags

    enum Firing: String, EnumerableFlag {
        case enable, disable

        static func help(for value: Self) -> ArgumentHelp? { value == .enable ? "It fires." : "It does not fire." }
    }

    @Flag
    var firing: Firing?

    func run() async throws {
        let client = try flags.client()
        let path = try await ScheduleNames.path(schedule, client)
        var members = try options.members().merging(times.members) { $1 }
        members["name"] = name.map(JSONValue.string)
        members["kind"] = kind.map(JSONValue.string)
        let kind =
            if let kind { kind } else if input.set.isEmpty { nil } else { try await client.ask("GET", path)["kind"]?.string } as String?
        members["input"] = try await input.read(kind: kind, client)
        members["enabled"] = firing.map { .boolean($0 == .enable) }
        guard !members.isEmpty else { throw Ending(status: .usage, message: "Error: Say what to change; --help has what can be.") }
        let changed = try await client.ask("PATCH", path, body: .object(members), isRepeatable: true)
        flags.show(changed, ScheduleNames.lines(changed))
    }
}

struct ScheduleDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a schedule; jobs that it made live on.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "Its name or id.")
    var schedule: String

    func run() async throws {
        let client = try flags.client()
        let path = try await ScheduleNames.path(schedule, client)
        // Not repeated: a second one would say that there is none.
        _ = try await client.ask("DELETE", path, isRepeatable: false)
        if flags.output == .table { Output.line("\(schedule) deleted") } else { flags.show(["deleted": .string(schedule)], []) }
    }
}

struct ScheduleRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Make its job now; prints the job's id.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "Its name or id.")
    var schedule: String

    func run() async throws {
        let client = try flags.client()
        let path = try await ScheduleNames.path(schedule, client)
        let key = "cli-\(Digest.hexadecimal(Digest.randomBytes(16)))"
        let answer = try await client.ask("POST", path + "/run", headers: [("Idempotency-Key", "\"\(key)\"")], isRepeatable: true)
        if flags.output == .table { Output.line(answer["job_id"]?.string ?? "") } else { flags.show(answer, []) }
    }
}
