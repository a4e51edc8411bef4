/// `tidewheel api`: takes jobs over HTTP and tells how they fare. Any number may run side by side.
import ArgumentParser
import Glibc
import JobAPI
import JobBench
import Logging
import PrivateServers
import ServiceLifecycle

struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "api", abstract: "Serve the HTTP API.")

    @OptionGroup var given: GivenFlags

    @Option(help: "Where to listen (TIDEWHEEL_HOST).")
    var host: String?

    @Option(help: "The port (PORT); 0 takes a free one.")
    var port: Int?

    @Option(help: "A directory of web pages to serve at /site/ (TIDEWHEEL_SITE).")
    var site: String?

    /// The tally of a bench that measures this process.
    @Option(help: .hidden)
    var noop: String?

    func run() async throws {
        let settings = try Settings(
            flags: given.byName([
                Known.host.entry.name: host, Known.port.entry.name: port.map(String.init), Known.site.entry.name: site,
            ]))
        let logger = LineLog.logger("api", settings)
        let assembly = try Assembly(settings, extra: try noop.map { Noop.handlers(try Tally(opening: $0)) } ?? [], logger: logger)
        let server = try assembly.server()
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(settings[Known.apiDrain] + 20)
        let group = ServiceGroup(configuration: configuration)
        Signals.handle { _ in Task { await group.triggerGracefulShutdown() } }
        raiseFileLimit()
        let announcing = Task {
            guard let port = await server.port else { return }
            print("tidewheel api listens on http://\(settings[Known.host]):\(port)")
            flushOutput()
            await assembly.tellTroubles()
        }
        defer { announcing.cancel() }
        try await group.run()
        await assembly.close()
    }
}

/// Each connection is a file; the soft limit of 1,024 is far below the connections that are allowed.
func raiseFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// Output that goes to a pipe is held back by the C library until somebody says this.
func flushOutput() { fflush(nil) }
