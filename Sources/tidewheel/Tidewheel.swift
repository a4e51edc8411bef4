/// One program, one subcommand a process. What a process is made of is `Assembly`'s business; what can be set is `Settings`'.
import ArgumentParser

@main
struct Tidewheel: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "tidewheel",
        abstract: "Runs long work for other services: Redis Streams, PostgreSQL, HTTP.",
        discussion: "Every setting is a flag, an environment variable or a line of the settings file, in that order: see docs/settings.md.",
        version: version,
        groupedSubcommands: [
            CommandGroup(
                name: "Processes",
                subcommands: [
                    APICommand.self, WorkerCommand.self, MigrateCommand.self, DevCommand.self, MCPCommand.self, BenchCommand.self,
                ]),
            CommandGroup(
                name: "Over HTTP",
                subcommands: [
                    JobCommand.self, QueueCommand.self, DeadCommand.self, ScheduleCommand.self, PresentationCommand.self,
                    SubjectCommand.self,
                    KindCommand.self, OpenAPICommand.self,
                ]),
            CommandGroup(
                name: "Care",
                subcommands: [DoctorCommand.self, KeyCommand.self, CompletionCommand.self, ManCommand.self, NamesCommand.self]),
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand { try await asynchronous.run() } else { try command.run() }
        } catch { ExitStatus.leave(error) }
    }
}

/// A failure that the user can mend: its text is the whole message, without a stack or a type name.
struct Refusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
