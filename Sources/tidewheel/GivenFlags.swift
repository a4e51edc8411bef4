/// The flags that several subcommands share. Whatever has no flag of its own is set with `--set NAME=value`.
import ArgumentParser

struct GivenFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The address of Redis (REDIS_URL).", valueName: "url"))
    var redisURL: String?

    @Option(help: ArgumentHelp("The address of PostgreSQL (DATABASE_URL).", valueName: "url"))
    var databaseURL: String?

    @Option(help: ArgumentHelp("Any setting by its name in docs/settings.md; may be repeated.", valueName: "NAME=value"))
    var set: [String] = []

    /// By setting name. `own` are the flags of the subcommand.
    func byName(_ own: [String: String?] = [:]) throws(Refusal) -> [String: String] {
        var flags: [String: String] = [:]
        for pair in set {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, Known.table.contains(where: { $0.name == parts[0] }) else {
                throw Refusal("--set \(parts[0]) is not a setting: give NAME=value with a name from docs/settings.md.")
            }
            flags[parts[0]] = parts[1]
        }
        flags[Known.redisURL.entry.name] = redisURL ?? flags[Known.redisURL.entry.name]
        flags[Known.databaseURL.entry.name] = databaseURL ?? flags[Known.databaseURL.entry.name]
        for (name, value) in own where value != nil { flags[name] = value }
        return flags
    }
}
