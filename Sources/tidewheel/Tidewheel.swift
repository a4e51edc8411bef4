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
        subcommands: [
            APICommand.self, WorkerCommand.self, MigrateCommand.self, DevCommand.self, KeyCommand.self, BenchCommand.self,
            OpenAPICommand.self,
        ])
}

/// A failure that the user can mend: its text is the whole message, without a stack or a type name.
struct Refusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
