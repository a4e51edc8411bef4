/// `tidewheel job watch` and `job wait`: jobs followed to their end, on a screen, in a pipe, or silently.
import ArgumentParser
import Glibc
import JobModel
import PrivateServers
import TidewheelClient

struct JobWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow jobs to their end.",
        discussion: """
            On a terminal each job is a line with a bar; elsewhere, and with -o jsonl, each event is a line. It goes on after lost connections and \
            restarts of the API. Ctrl-C stops watching, not the jobs.
            """)

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The ids of the jobs.")
    var ids: [String]

    func run() async throws {
        let following = Following(client: try flags.client(), flags: flags, ids: ids, isShown: true, toError: false, limit: nil)
        try Following.end(try await following.run(), isTold: flags.output == .table)
    }
}

struct JobWait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait for the end of jobs; the exit status says how they ended.")

    @OptionGroup var flags: ClientFlags

    @Argument(help: "The ids of the jobs.")
    var ids: [String]

    @Option(help: ArgumentHelp("Give up after this, with exit status 7; the jobs go on.", valueName: "time"))
    var timeout: TimeLength?

    func run() async throws {
        let following = Following(
            client: try flags.client(), flags: flags, ids: ids, isShown: false, toError: false, limit: timeout?.duration)
        let ended = try await following.run()
        switch flags.output {
        case .table: for job in ended { Output.line("\(job.id)  \(job.state.rawValue)") }
        case .json: Output.line((ids.count == 1 ? ended[0].document.value : .array(ended.map(\.document.value))).indented())
        case .jsonl: for job in ended { Output.line(job.document.value.serialized) }
        }
        try Following.end(ended, isTold: flags.output == .table)
    }
}

/// Several jobs at once, each on a watch of its own.
struct Following {
    let client: TidewheelClient
    let flags: ClientFlags
    let ids: [String]
    let isShown: Bool
    /// Standard output is for the result.
    let toError: Bool
    let limit: Duration?

    /// The jobs once all have ended, in the order of the ids.
    func run() async throws -> [JobStatus] {
        let ids = ids
        Signals.handle { number in Following.stop(ids, number) }
        let lines = ProgressLines(ids, Terminal.of(toError ? 2 : 1, flags.color)) { [toError] text in
            if toError {
                _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
            } else {
                Output.bytes(Array(text.utf8))
            }
        }
        defer { lines.finish() }
        guard let limit else { return try await follow(lines) }
        return try await withThrowingTaskGroup(of: [JobStatus]?.self) { group in
            group.addTask { try await follow(lines) }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let ended = first else {
                throw Ending(
                    status: .timedOut, message: "Error: Not ended within \(limit); still running. Go on with: \(Following.goOn(ids))")
            }
            return ended
        }
    }

    private func follow(_ lines: ProgressLines) async throws -> [JobStatus] {
        try await withThrowingTaskGroup(of: (Int, JobStatus).self) { group in
            for (index, id) in ids.enumerated() { group.addTask { (index, try await follow(id, lines)) } }
            var ended: [Int: JobStatus] = [:]
            for try await (index, job) in group { ended[index] = job }
            return ended.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private func follow(_ id: String, _ lines: ProgressLines) async throws -> JobStatus {
        let job = client.job(id)
        guard isShown else { return try await job.wait() }
        var seen: Int?
        while true {
            let watch = job.watch(after: seen).telling { error in lines.say("\(error.shortly); watching goes on when the API answers again")
            }
            for try await update in watch {
                seen = update.number ?? seen
                if flags.output != .table, !toError { Self.print(update, of: id) } else { lines.told(update, of: id) }
            }
            let status = try await job.status()
            if status.state.isEnd { return status }
        }
    }

    private static func print(_ update: JobUpdate, of id: String) {
        var members = update.data.value.object ?? [:]
        members["job_id"] = .string(id)
        Output.line(JSONValue.object(members).serialized)
    }

    /// Says what is to be said of jobs that did not complete; ends with the status for them.
    static func end(_ jobs: [JobStatus], isTold: Bool) throws {
        let bad = jobs.filter { $0.state != .completed }
        guard !bad.isEmpty else { return }
        for job in bad where !isTold {
            Console.say(
                "Error: Job \(job.id) \(job.state == .failed ? "failed" : "was cancelled")\(job.error.map { ": \($0.shownOnOneLine)" } ?? "")."
            )
        }
        if let failed = bad.first(where: { $0.state == .failed }) { Console.say("Again: tidewheel job retry \(failed.id)") }
        throw Ending(status: .failed)
    }

    /// On the thread of the signal: nothing else is printed any more.
    private static func stop(_ ids: [String], _ number: Int32) {
        Console.say("\nStopped watching; the jobs go on. Go on with: \(goOn(ids))")
        _exit(number == SIGINT ? ExitStatus.interrupted.rawValue : 128 + number)
    }

    private static func goOn(_ ids: [String]) -> String { "tidewheel job watch \(ids.joined(separator: " "))" }
}
