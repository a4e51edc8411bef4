/// `tidewheel job submit KIND`: the input from a file, standard input, the command line or pairs, and everything `POST /jobs` takes.
import ArgumentParser
import FoundationEssentials
import JobModel
import TidewheelClient

/// The input of a kind, in whichever way is at hand.
struct InputFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The input as JSON; @file reads a file, - standard input.", valueName: "json"), completion: .file())
    var input: String?

    @Option(
        help: ArgumentHelp(
            "One member of the input; repeated. What the kind takes as a text stays one, anything else is read as JSON where it is.",
            valueName: "name=value"))
    var set: [String] = []

    func validate() throws {
        guard set.allSatisfy({ $0.contains("=") && !$0.hasPrefix("=") }) else { throw ValidationError("--set must be name=value.") }
    }

    /// Nil where nothing was said.
    func read(kind: String?, _ client: TidewheelClient) async throws -> JSONValue? {
        var members: [String: JSONValue]?
        if let input {
            guard let object = try InputFlags.json(input, of: "--input").object else {
                throw Ending(
                    status: .usage, message: "Error: --input must be a JSON object, such as '{\"url\": \"https://example.com/\"}'.")
            }
            members = object
        }
        guard !set.isEmpty else { return members.map(JSONValue.object) }
        let schema = if let kind { try await client.ask("GET", "/kinds/\(kind.inPath)") } else { JSONValue.null }
        for pair in set {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            members = members ?? [:]
            members?[parts[0]] = InputFlags.value(parts[1], schema["input_schema"]?["properties"]?[parts[0]])
        }
        return members.map(JSONValue.object)
    }

    static func value(_ text: String, _ schema: JSONValue?) -> JSONValue {
        if schema?["type"] == "string" { return .string(text) }
        if schema?["type"] == "array", !text.hasPrefix("[") {
            return .array(text.split(separator: ",").map { .string(String($0)) })
        }
        return (try? JSONReader.read(text)) ?? .string(text)
    }

    static func json(_ text: String, of flag: String) throws -> JSONValue {
        let bytes: [UInt8]
        if text == "-" {
            bytes = StandardInput.all()
        } else if text.hasPrefix("@") {
            guard let contents = FileManager.default.contents(atPath: String(text.dropFirst())) else {
                throw Ending(status: .usage, message: "Error: \(flag): the file \(text.dropFirst()) cannot be read.")
            }
            bytes = [UInt8](contents)
        } else {
            bytes = Array(text.utf8)
        }
        do {
            return try JSONReader.read(bytes)
        } catch { throw Ending(status: .usage, message: "Error: \(flag) is no JSON: \(error.reason) (byte \(error.offset)).") }
    }
}

/// What `POST /jobs` and schedules take beside kind and input.
struct OptionFlags: ParsableArguments {
    @Option(help: "Another queue than the kind's.", completion: Complete.queues)
    var queue: String?

    @Option(help: "urgent, high, medium or low.", completion: .list(JobPriority.allCases.map(\.rawValue)))
    var priority: String?

    @Option(help: ArgumentHelp("What one attempt may take: 90s, 5m, 2h.", valueName: "time"))
    var timeout: TimeLength?

    @Option(help: ArgumentHelp("1 to 100.", valueName: "count"))
    var maxAttempts: Int?

    @Option(help: "What it belongs to.")
    var subject: String?

    @Option(help: "The conversation it speaks in.")
    var session: String?

    @Option(help: "Its name for people.")
    var title: String?

    @Option(help: "A tag; repeated.")
    var tag: [String] = []

    @Option(help: ArgumentHelp("Anything, as JSON; @file and - as for --input.", valueName: "json"))
    var metadata: String?

    @Option(help: ArgumentHelp("Jobs of one key take turns.", valueName: "key"))
    var concurrencyKey: String?

    @Option(help: ArgumentHelp("At most one job of this key at a time; see --unique-while and --unique-window.", valueName: "key"))
    var unique: String?

    @Option(help: "active or queued: as long as the key is held.", completion: .list(["active", "queued"]))
    var uniqueWhile: String?

    @Option(help: ArgumentHelp("How long the key is held, in place of --unique-while.", valueName: "time"))
    var uniqueWindow: TimeLength?

    @Option(help: ArgumentHelp("Who is told of its end.", valueName: "url"))
    var webhook: String?

    func validate() throws {
        guard unique != nil || uniqueWhile == nil && uniqueWindow == nil else {
            throw ValidationError("--unique-while and --unique-window need --unique.")
        }
        guard uniqueWhile == nil || uniqueWindow == nil else { throw ValidationError("Give --unique-while or --unique-window, not both.") }
    }

    func members() throws -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        let texts = [
            "queue": queue, "priority": priority, "subject": subject, "session_id": session, "title": title,
            "concurrency_key": concurrencyKey,
        ]
        for case (let name, let text?) in texts { members[name] = .string(text) }
        members["timeout"] = timeout.map(\.json)
        members["max_attempts"] = maxAttempts.map { .integer(Int64($0)) }
        if !tag.isEmpty { members["tags"] = .array(tag.map(JSONValue.string)) }
        members["metadata"] = try metadata.map { try InputFlags.json($0, of: "--metadata") }
        members["webhook"] = webhook.map { ["url": .string($0)] }
        if let unique {
            let held: (String, JSONValue) =
                uniqueWindow.map { ("window_seconds", $0.json) } ?? ("while", .string(uniqueWhile ?? "active"))
            members["unique"] = .object(["key": .string(unique), held.0: held.1])
        }
        return members
    }
}

struct JobSubmit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Submit a job.",
        discussion: """
            Its id goes to standard output, everything else to standard error: ID=$(tidewheel job submit web_crawl --set url=https://example.com/). \
            With --wait or --watch it is the result that goes to standard output, and the exit status says how the job ended.
            """)

    @OptionGroup var flags: ClientFlags

    @Argument(help: "What to do; `tidewheel kind list` shows what there is.", completion: Complete.kinds)
    var kind: String

    @OptionGroup var input: InputFlags
    @OptionGroup var options: OptionFlags

    @Option(help: ArgumentHelp("Not before so long from now: 90s, 5m, 2h.", valueName: "time"))
    var delay: TimeLength?

    @Option(help: ArgumentHelp("Not before this time, as RFC 3339 has it.", valueName: "time"))
    var at: String?

    @Option(help: ArgumentHelp("The same key with the same job is one job, however often it is sent.", valueName: "key"))
    var idempotencyKey: String?

    @Flag(help: "Wait for its end and print the result.")
    var wait = false

    @Flag(help: "The same, and show how far it is.")
    var watch = false

    @Option(help: ArgumentHelp("Give up waiting after this; the job goes on.", valueName: "time"))
    var waitTimeout: TimeLength?

    func validate() throws {
        guard delay == nil || at == nil else { throw ValidationError("Give --delay or --at, not both.") }
        guard waitTimeout == nil || wait || watch else { throw ValidationError("--wait-timeout needs --wait or --watch.") }
    }

    func run() async throws {
        let client = try flags.client()
        var members = try options.members()
        members["kind"] = .string(kind)
        members["input"] = try await input.read(kind: kind, client)
        members["delay"] = delay.map(\.json)
        members["run_at"] = at.map(JSONValue.string)
        let key = idempotencyKey ?? "cli-\(Digest.hexadecimal(Digest.randomBytes(16)))"
        let answer = try await client.ask(
            "POST", "/jobs", body: .object(members), headers: [("Idempotency-Key", "\"\(key)\"")], isRepeatable: true)
        let id = answer["job_id"]?.string ?? ""
        guard wait || watch else { return accepted(answer, id) }
        let following = Following(client: client, flags: flags, ids: [id], isShown: watch, toError: true, limit: waitTimeout?.duration)
        let ended = try await following.run()
        if let result = ended.first?.result?.value { Output.line(flags.output == .jsonl ? result.serialized : result.indented()) }
        try Following.end(ended, isTold: false)
    }

    private func accepted(_ answer: JSONValue, _ id: String) {
        guard flags.output == .table else { return flags.show(answer, []) }
        Output.line(id)
        var words = "The job is \(answer["status"]?.plain ?? "accepted")"
        if let estimate = answer["estimated_time"]?.string { words += "; it will take \(estimate)" }
        if Terminal.of(2, .auto).isTerminal { Console.say("\(words). Follow it: tidewheel job watch \(id)") }
    }
}
