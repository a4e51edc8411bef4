/// `tidewheel dev`: the whole system on one machine, with a Redis and a PostgreSQL of its own where none are named.
import ArgumentParser
import Logging
import PrivateServers

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run everything on this machine, private Redis and PostgreSQL included.")

    @OptionGroup var given: GivenFlags

    @Option(help: "The port of the API (PORT); 0 takes a free one.")
    var port: Int?

    @Option(help: "Worker processes.")
    var workers = 1

    @Option(help: "Jobs at once in each worker (TIDEWHEEL_SLOTS).")
    var slots: Int?

    @Option(help: "A directory of web pages to serve at /site/, and to allow crawls of (TIDEWHEEL_SITE).")
    var site: String?

    @Option(help: "Hosts that jobs may fetch from although they are not public, separated by commas (TIDEWHEEL_FETCH_ALLOW).")
    var allow: String?

    @Option(help: "Where the data of the private servers is kept.")
    var directory = ".tidewheel"

    func validate() throws {
        guard (1...64).contains(workers) else { throw ValidationError("--workers must be from 1 to 64.") }
    }

    func run() async throws {
        let settings = try Settings(
            flags: given.byName([
                Known.port.entry.name: port.map(String.init), Known.slots.entry.name: slots.map(String.init),
                Known.site.entry.name: site, Known.fetchAllow.entry.name: allow,
            ]))
        let dev = Dev(settings, directory: directory, workers: workers, logger: LineLog.logger("dev", settings))
        Signals.handle { _ in dev.stop() }
        try await dev.run()
    }
}
