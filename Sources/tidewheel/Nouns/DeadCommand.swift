/// `tidewheel dead …`: jobs that failed for good.
import ArgumentParser
import Glibc
import JobModel
import TidewheelClient

struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "Look at dead letters, the jobs that failed for good, and retry them.",
        subcommands: [DeadList.self, DeadRetry.self])
}

struct DeadList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List dead letters, those that failed last first.")

    @OptionGroup var flags: ClientFlags
    @OptionGroup var filters: JobFilters
    @OptionGroup var pages: PageFlags

    @Option(help: "That failed for this reason, in its one word.")
    var errorType: String?

    private static let columns = [
        Column("JOB", "job_id"), Column("KIND", "kind"), Column("ATTEMPTS", "attempt", right: true), .age("FAILED", "failed_at"),
        Column("REASON", "error_type"), Column("ERROR", "error", shrinks: true),
    ]

    func run() async throws {
        let query = filters.query + (errorType.map { [("error_type", $0)] } ?? [])
        try await Listing(
            path: "/dead-letters", member: "dead_letters", columns: Self.columns, query: query, nothing: "There are no such dead letters."
        ).show(flags, pages)
    }
}

struct DeadRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Queue many dead letters again.",
        discussion: "Says how many there are, and asks before it does anything; --yes answers for scripts. One job: tidewheel job retry.")

    @OptionGroup var flags: ClientFlags

    @Option(help: "Of this kind.", completion: Complete.kinds)
    var kind: String?

    @Option(help: "Of this queue.", completion: Complete.queues)
    var queue: String?

    @Option(help: "That failed for this reason, in its one word.")
    var errorType: String?

    @Option(help: "Of this subject.")
    var subject: String?

    @Option(help: "Of this session.")
    var session: String?

    @Option(help: "With this tag.")
    var tag: String?

    @Option(help: ArgumentHelp("Failed at or after this: an RFC 3339 time, or a length of time ago.", valueName: "time"))
    var since: Moment?

    @Option(help: ArgumentHelp("Failed before this.", valueName: "time"))
    var until: Moment?

    @Flag(help: "Retry them without asking.")
    var yes = false

    func run() async throws {
        let client = try flags.client()
        var retried = 0
        repeat {
            let found = try await client.ask("POST", "/dead-letters/retry", body: .object(body), isRepeatable: true)
            let matching = found["matching"]?.integer ?? 0
            guard matching > 0, let send = found["send"] else { break }
            if retried == 0 { try confirm(matching) }
            let done = try await client.ask("POST", "/dead-letters/retry", body: send)
            retried += done["retried"]?.integer ?? 0
            // At most 10,000 at a time.
            guard (done["remaining"]?.integer ?? 0) > 0, (done["retried"]?.integer ?? 0) > 0 else { break }
        } while true
        if flags.output == .table { Output.line("\(retried) retried") } else { flags.show(["retried": .integer(Int64(retried))], []) }
    }

    private var body: [String: JSONValue] {
        let texts = [
            "kind": kind, "queue": queue, "error_type": errorType, "subject": subject, "session": session, "tag": tag, "since": since?.text,
            "until": until?.text,
        ]
        return texts.compactMapValues { $0.map(JSONValue.string) }
    }

    private func confirm(_ count: Int) throws {
        if yes { return }
        Console.say("\(count) dead letter\(count == 1 ? "" : "s") would be retried.")
        guard isatty(0) == 1, isatty(2) == 1 else { throw Ending(status: .usage, message: "Error: Give --yes to retry them.") }
        _ = Array("Retry? [y/N] ".utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Ending(status: .failed, message: "Nothing was retried.")
        }
    }
}
