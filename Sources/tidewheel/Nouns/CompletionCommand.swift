/// `tidewheel completion SHELL`: what Tab completes, from the declarations of the commands. Kinds and queues are asked of the API.
import ArgumentParser
import JobModel
import TidewheelClient

enum Complete {
    /// A shell asks with the settings of the person who types; without an API there is nothing to complete.
    static let kinds = CompletionKind.shellCommand("tidewheel names kinds 2>/dev/null")
    static let workers = CompletionKind.shellCommand("tidewheel names workers 2>/dev/null")
    static let queues = CompletionKind.shellCommand("tidewheel names queues 2>/dev/null")
}

enum Shell: String, CaseIterable, ExpressibleByArgument { case bash, zsh, fish }

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print the completion script of a shell.",
        discussion: """
            bash: source <(tidewheel completion bash); for good: tidewheel completion bash > /etc/bash_completion.d/tidewheel
            zsh:  tidewheel completion zsh > "${fpath[1]}/_tidewheel"
            fish: tidewheel completion fish > ~/.config/fish/completions/tidewheel.fish
            """)

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        let shell: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Output.line(Tidewheel.completionScript(for: shell))
    }
}

/// One name a line, within a second, or nothing: for the completion scripts.
struct NamesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "names", abstract: "Print names for completion.", shouldDisplay: false)

    enum What: String, CaseIterable, ExpressibleByArgument {
        case kinds, queues, workers

        var member: String {
            switch self {
            case .kinds: "kind"
            case .queues: "queue"
            case .workers: "name"
            }
        }
    }

    @Argument(help: "kinds, queues or workers.")
    var what: What

    func run() async throws {
        let client = try ClientFlags.parse([]).client()
        let late = Task {
            try await Task.sleep(for: .seconds(1))
            ExitStatus.leave(Ending(status: .unavailable))
        }
        defer { late.cancel() }
        let list = try await client.ask("GET", "/\(what.rawValue)")
        for item in list[what.rawValue]?.array ?? [] { Output.line(item[what.member]?.string ?? "") }
    }
}
