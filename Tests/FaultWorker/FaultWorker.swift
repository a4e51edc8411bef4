/// The processes of the fault suite: `migrate`, `api` and `worker`, linked from the same rooms as `tidewheel`, with kinds that are made to be
/// broken (`FaultKinds`). Everything is set by the environment (`Surroundings`).
import Glibc
import JobAPI
import JobDesk
import JobLedger
import JobModel
import JobRunner
import Logging
import PostgresWire
import PrivateServers
import ServiceLifecycle

@main
struct FaultWorker {
    static func main() async throws {
        let surroundings = try Surroundings()
        switch CommandLine.arguments.dropFirst().first {
        case "migrate":
            _ = try await JobLedger.migrate(surroundings.pool, logger: surroundings.logger)
            _ = try await surroundings.desk.ledger.publish(surroundings.desk.catalogue.kinds)
        case "api": try await serve(surroundings)
        case "worker": try await work(surroundings, isForSuspects: CommandLine.arguments.contains("--suspects"))
        default:
            print("usage: FaultWorker migrate | api | worker")
            exit(2)
        }
    }

    private static func serve(_ surroundings: Surroundings) async throws {
        var settings = JobServerSettings()
        settings.port = 0
        let server = JobServer(desk: surroundings.desk, settings: settings, logger: surroundings.logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: server, successTerminationBehavior: .gracefullyShutdownGroup)], logger: surroundings.logger))
        Signals.handle { _ in Task { await group.triggerGracefulShutdown() } }
        let announcing = Task {
            guard let port = await server.port else { return }
            print("listens on \(port)")
            fflush(nil)
        }
        try await group.run()
        await announcing.value
    }

    /// Like `tidewheel worker`: the first signal drains, the second ends; suspects run in one-slot processes that outlive their worker's kill.
    private static func work(_ surroundings: Surroundings, isForSuspects: Bool) async throws {
        let order = ChildOrder("/proc/self/exe", ["worker", "--suspects"])
        let launch: SuspectLauncher = { await order.runAside(surroundings.logger) }
        let runner = Runner(
            desk: surroundings.desk, handlers: surroundings.handlers,
            settings: surroundings.runnerSettings(isForSuspects: isForSuspects),
            launchSuspects: isForSuspects ? nil : launch, logger: surroundings.logger)
        Signals.handle { _ in runner.drain() }
        if isForSuspects { ParentWatch.start { runner.drain() } }
        await runner.run()
    }
}
