/// `tidewheel job …`: one job, or a list of them. `JobSubmit` makes one, `JobWatch` follows them.
import ArgumentParser
import JobModel
import TidewheelClient

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Submit, follow, read, cancel and retry jobs.",
        subcommands: [
            JobSubmit.self, JobList.self, JobGet.self, JobWatchCommand.self, JobWait.self, JobResult.self, JobLogs.self, JobCancel.self,
            JobRetry.self, JobPromote.self,
        ])
}

/// Which jobs; the filters of `GET /jobs` and of the dead letters.
struct JobFilters: ParsableArguments {
    @Option(help: "Of this kind; repeated or separated by commas.", completion: Complete.kinds)
    var kind: [String] = []

    @Option(help: "Of this queue; repeated or separated by commas.", completion: Complete.queues)
    var queue: [String] = []

    @Option(help: "Of this subject.")
    var subject: String?

    @Option(help: "Of this session.")
    var session: String?

    @Option(help: "With this tag; repeated: with all of them.")
    var tag: [String] = []

    @Option(help: ArgumentHelp("Not older: an RFC 3339 time, or a length of time ago, such as 90m or 2d.", valueName: "time"))
    var since: Moment?

    @Option(help: ArgumentHelp("Older: a time like --since.", valueName: "time"))
    var until: Moment?

    @Option(help: ArgumentHelp("Words to search for, or an SQL/JSON path that begins with $.", valueName: "words"))
    var search: [String] = []

    var query: [(String, String)] {
        var query: [(String, String)] = []
        for (name, words) in [("kind", kind), ("queue", queue)] where !words.isEmpty { query.append((name, words.joined(separator: ","))) }
        let texts = [("subject", subject), ("session", session), ("since", since?.text), ("until", until?.text)]
        for case (let name, let text?) in texts { query.append((name, text)) }
        return query + tag.map { ("tag", $0) } + search.map { ("q", $0) }
    }
}

struct JobList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List jobs, newest first.",
        discussion: "A search looks at some thousand jobs a page: --all looks at all of them.")

    @OptionGroup var flags: ClientFlags
    @OptionGroup var filters: JobFilters
    @OptionGroup var pages: PageFlags

    @Option(
        help: "In this state: waiting, scheduled, queued, processing, completed, failed, cancelled; repeated or separated by commas.",
        completion: .list(JobState.allCases.map(\.rawValue)))
    var status: [String] = []

    func run() async throws {
        let status = status.isEmpty ? [] : [("status", status.joined(separator: ","))]
        try await Listing(
            path: "/jobs", member: "jobs", columns: Self.columns, query: status + filters.query, nothing: "There are no such jobs."
        ).show(flags, pages)
    }

    static let columns = [
        Column("JOB", "job_id"), Column("KIND", "kind"), Column("STATUS", "status", status: true), .progress,
        .age("AGE", "created_at"),
        Column("WHAT", shrinks: true) { job in
            // While it runs, what it does; afterwards, what it was.
            let told = job["status"] == "processing" ? ["message", "title"] : ["error", "title", "message"]
            return told.lazy.compactMap { job[$0]?.string }.first ?? ""
        },
    ]
}

struct JobGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show how a job stands.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The id of the job.")
    var id: String

    func run() async throws {
        let job = try await flags.client().ask("GET", "/jobs/\(id.inPath)")
        flags.show(job, Self.lines(job))
    }

    static func lines(_ job: JSONValue) -> [(String, String)] {
        let names = [
            "job_id", "kind", "status", "title", "queue", "priority", "step", "message", "attempt", "worker", "subject", "session_id",
            "tags",
            "created_at", "scheduled_at", "started_at", "completed_at", "failed_at", "cancelled_at", "queue_position", "error_type",
            "error",
        ]
        var lines = names.map { ($0, job[$0]?.plain ?? "") }
        lines.insert(("progress", job["progress"]?.number.map { "\(Int($0))%" } ?? ""), at: 5)
        if let left = job["remaining_seconds"]?.number { lines.append(("remaining", Ago.of(seconds: Int64(left)))) }
        if let result = job["result"] { lines.append(("result", result.serialized)) }
        return lines
    }
}

struct JobResult: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "result", abstract: "Print what a completed job has made, as JSON.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The id of the job.")
    var id: String

    func run() async throws {
        let result = try await flags.client().ask("GET", "/jobs/\(id.inPath)/result")
        Output.line(flags.output == .jsonl ? result.serialized : result.indented())
    }
}

struct JobLogs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what has happened to a job.", discussion: "`tidewheel job watch` goes on from here.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The id of the job.")
    var id: String

    private static let columns = [
        Column("TIME", "timestamp"), Column("N", "seq", right: true), Column("EVENT", "event", status: true),
        Column("ATTEMPT", "attempt", right: true),
        .progress, Column("WHAT", shrinks: true) { $0["error"]?.plain ?? $0["message"]?.plain ?? $0["worker"]?.plain ?? "" },
    ]

    func run() async throws {
        let log = try await flags.client().ask("GET", "/jobs/\(id.inPath)/log")
        let events = log["events"]?.array ?? []
        switch flags.output {
        case .json: Output.line(log.indented())
        case .jsonl: for event in events { Output.line(event.serialized) }
        case .table:
            var table = TextTable(Self.columns, flags.terminal)
            for line in table.lines(events) { Output.line(line) }
            if log["complete"] == false { Console.say("Older events are not kept.") }
        }
    }
}

/// Changes that take several jobs and go on when one is refused.
protocol JobChange {
    var flags: ClientFlags { get }
    var ids: [String] { get }
}

extension JobChange {
    func change(_ word: String) async throws {
        let client = try flags.client()
        var worst: Ending?
        for id in ids {
            do {
                let job = try await client.ask("POST", "/jobs/\(id.inPath)/\(word)", isRepeatable: true)
                if flags.output == .table {
                    Output.line(
                        "\(id)  \(job["status"]?.plain ?? "")\(job["cancel_requested"] == true && job["status"] == "processing" ? "  (its worker is being told)" : "")"
                    )
                } else {
                    flags.show(job, [])
                }
            } catch {
                let ending = ExitStatus.ending(of: error)
                guard ids.count > 1, error.problem != nil else { throw ending }
                Console.say("Error: \(id): \(error)")
                worst = Ending(status: ending.status)
            }
        }
        if let worst { throw worst }
    }
}

struct JobCancel: AsyncParsableCommand, JobChange {
    static let configuration = CommandConfiguration(commandName: "cancel", abstract: "Ask jobs to stop.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The ids of the jobs.")
    var ids: [String]

    func run() async throws { try await change("cancel") }
}

struct JobRetry: AsyncParsableCommand, JobChange {
    static let configuration = CommandConfiguration(commandName: "retry", abstract: "Queue jobs that failed or were cancelled again.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The ids of the jobs.")
    var ids: [String]

    func run() async throws { try await change("retry") }
}

struct JobPromote: AsyncParsableCommand, JobChange {
    static let configuration = CommandConfiguration(commandName: "promote", abstract: "Queue jobs that wait for their time now.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The ids of the jobs.")
    var ids: [String]

    func run() async throws { try await change("promote") }
}

/// A moment: RFC 3339, or so long ago.
struct Moment: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        if Timestamp(rfc3339: argument) != nil {
            text = argument
        } else if let length = TimeLength(argument: argument) {
            text = Timestamp.now.advanced(byMilliseconds: -Int64(length.seconds * 1000)).description
        } else {
            return nil
        }
    }
}
