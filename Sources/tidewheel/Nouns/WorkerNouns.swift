/// `tidewheel worker list` and `worker drain`: who works, over HTTP. `tidewheel worker` itself is in `WorkerCommand`.
import ArgumentParser
import JobModel
import TidewheelClient

struct WorkerList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the workers and how they do.")

    @OptionGroup var flags: ClientFlags

    private static let columns = [
        Column("WORKER", "name"),
        Column("STATUS", status: true) { $0["draining"] == true && $0["status"] == "alive" ? "draining" : $0["status"]?.plain ?? "" },
        Column("RUNNING", right: true) { "\($0["running"]?.plain ?? "")/\($0["slots"]?.plain ?? "")" },
        Column("PID", "pid", right: true), Column("VERSION", "version"), .age("UP", "started_at"),
        Column("QUEUES", "queues", shrinks: true),
    ]

    func run() async throws {
        try await Listing(
            path: "/workers", member: "workers", columns: Self.columns, pageSize: nil,
            nothing: "There is no worker; start one with `tidewheel worker`."
        ).show(flags)
    }
}

struct WorkerDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Let workers finish what they run and leave, as SIGTERM does.",
        discussion: "A worker's process ends with it. What starts processes again by itself starts this one again, under a new name.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The names of the workers.", completion: Complete.workers)
    var names: [String]

    func run() async throws {
        let client = try flags.client()
        for name in names {
            let answer = try await client.ask("POST", "/workers/\(name.inPath)/drain", isRepeatable: true)
            if flags.output == .table { Output.line("\(name)  draining") } else { flags.show(answer, []) }
        }
    }
}
