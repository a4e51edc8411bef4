/// `tidewheel worker`: claims jobs and runs them. Any number may run side by side, on any number of machines.
import ArgumentParser
import CMalloc
import FoundationEssentials
import Glibc
import JobBench
import JobRunner
import Logging
import PrivateServers

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Take jobs and run them; list workers and let them leave.",
        discussion: "Without a word behind it, this is `tidewheel worker run`.",
        subcommands: [WorkerRun.self, WorkerList.self, WorkerDrain.self], defaultSubcommand: WorkerRun.self)
}

struct WorkerRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Take jobs and run them, until SIGTERM or Ctrl-C.")

    @OptionGroup var given: GivenFlags

    @Option(help: "Jobs at once (TIDEWHEEL_SLOTS).")
    var slots: Int?

    @Option(help: "What to take jobs from, separated by commas (TIDEWHEEL_QUEUES).")
    var queues: String?

    @Option(help: "Hosts that jobs may fetch from although they are not public, separated by commas (TIDEWHEEL_FETCH_ALLOW).")
    var allow: String?

    @Flag(help: .hidden)
    var suspects = false

    /// The tally of a bench that measures this process.
    @Option(help: .hidden)
    var noop: String?

    func run() async throws {
        let settings = try Settings(
            flags: given.byName([
                Known.slots.entry.name: slots.map(String.init), Known.queues.entry.name: queues, Known.fetchAllow.entry.name: allow,
            ]))
        let logger = LineLog.logger(suspects ? "suspects" : "worker", settings)
        let assembly = try Assembly(settings, extra: try noop.map { Noop.handlers(try Tally(opening: $0)) } ?? [], logger: logger)
        raiseFileLimit()
        returnMemory()
        let asked = Latch()
        let runners = try assembly.runners(
            isForSuspects: suspects, launchSuspects: suspects ? nil : Self.launcher(logger), onAsked: { asked.open() })
        let starting = Task { try await assembly.waitUntilUsable() }
        Signals.handle { _ in
            logger.notice("Leaving: no more claims, running jobs may finish; a second signal ends at once")
            starting.cancel()
            for runner in runners { runner.drain() }
        }
        if suspects { ParentWatch.start { for runner in runners { runner.drain() } } }
        do {
            try await starting.value
        } catch is CancellationError {
            await assembly.close()
            return
        }
        let idle = Task {
            try await Task.sleep(for: .seconds(2))
            ProgramPages.release()
        }
        let leaving = Task {
            await asked.wait()
            guard !Task.isCancelled else { return }
            logger.notice("Leaving, as it was asked to: no more claims, running jobs may finish")
            for runner in runners { runner.drain() }
        }
        await withTaskGroup(of: Void.self) { group in
            for runner in runners { group.addTask { await runner.run() } }
        }
        idle.cancel()
        leaving.cancel()
        await assembly.close()
    }

    /// Pages are large and short-lived: few arenas and a fixed threshold give their memory back instead of keeping it in pieces.
    private func returnMemory() {
        _ = mallopt(M_ARENA_MAX, 2)
        _ = mallopt(M_MMAP_THRESHOLD, 128 * 1024)
        _ = mallopt(M_TRIM_THRESHOLD, 128 * 1024)
    }

    /// Starts this program again for one suspect at a time.
    private static func launcher(_ logger: Logger) -> SuspectLauncher {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let order = ChildOrder(program, CommandLine.arguments.dropFirst() + ["--suspects"])
        return { await order.runAside(logger) }
    }
}
