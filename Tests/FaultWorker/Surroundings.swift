/// What a process of the fault suite finds in its environment: where the servers are, the lease, and the file of effects.
import FoundationEssentials
import Glibc
import JobDesk
import JobKinds
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Logging
import PostgresWire
import RedisWire
import Services
import WebFetch

struct Surroundings: Sendable {
    let logger: Logger
    let pool: PostgresPool
    let desk: JobDesk
    let handlers: [any JobHandler]
    private let lease: Duration
    private let slots: Int

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        let logger = Self.makeLogger(environment["FAULT_LOG_LEVEL"])
        self.logger = logger
        lease = .milliseconds(environment["FAULT_LEASE_MS"].flatMap { Int($0) } ?? 7000)
        slots = environment["TIDEWHEEL_SLOTS"].flatMap { Int($0) } ?? 4
        let effects = try EffectLog(path: environment["FAULT_EFFECTS"] ?? "/dev/null")
        pool = PostgresPool(PostgresOptions(url: environment["DATABASE_URL"] ?? ""), logger: logger)
        let ledger = JobLedger(pool, logger: logger)
        let queue = JobQueue(
            try RedisAddress(url: environment["REDIS_URL"] ?? ""),
            // As the real program has it: a slower answer is as good as none.
            options: RedisOptions(commandTimeout: .seconds(2), clientName: "fault-\(getpid())"), logger: logger)
        var handlers: [any JobHandler] =
            FaultKinds.handlers(effects) + [MakePresentation(ledger: ledger, decks: Self.decks(environment))]
            + Self.modelKinds(environment, queue, ledger, pool)
        if environment["FAULT_WEBHOOKS"] != nil { handlers.append(SendWebhook(ledger: ledger, receivers: Self.receivers())) }
        self.handlers = handlers
        desk = JobDesk(
            queue: queue, ledger: ledger, catalogue: JobCatalogue(handlers.map(\.kind)), logger: logger)
    }

    /// A shorter lease shortens every time that follows from it.
    func runnerSettings(isForSuspects: Bool) -> RunnerSettings {
        var settings = RunnerSettings(queues: desk.catalogue.queues)
        settings.host = "fault"
        settings.processID = Int(getpid())
        settings.slots = isForSuspects ? 1 : slots
        settings.lease = lease
        settings.beatInterval = lease / 7
        settings.reapInterval = lease / 14
        settings.promoteInterval = .milliseconds(200)
        settings.reconcileInterval = min(lease, .seconds(5))
        settings.leadInterval = lease / 7
        settings.drainGrace = isForSuspects ? .zero : .seconds(1)
        settings.stopGrace = .seconds(2)
        settings.isForSuspects = isForSuspects
        return settings
    }

    /// The real kind, in a hurry.
    private static func decks(_ environment: [String: String]) -> DeckRooms? {
        guard let url = environment["FAULT_PRESENTON_URL"], let directory = environment["FAULT_DECKS"] else { return nil }
        var pacing = DeckPacing()
        pacing.poll = .milliseconds(60)
        pacing.longestPoll = .milliseconds(100)
        pacing.settle = .seconds(2)
        pacing.freshness = .seconds(1)
        pacing.look = .milliseconds(50)
        let presenton = Presenton(url: url, fetcher: Fetcher(guard: nil, userAgent: "fault"))
        return DeckRooms(presenton: presenton, store: DeckStore(directory: directory, maxBytes: 1 << 20), pacing: pacing)
    }

    /// The real kind, which tries for some ten seconds instead of a day.
    private static func receivers() -> Receivers {
        var receivers = Receivers(rules: ReceiverRules(allowing: ["127.0.0.1"]), userAgent: "fault")
        receivers.timeout = .seconds(2)
        receivers.pauses = [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]
        return receivers
    }

    /// The real kinds `chat` and `thinking`, at stand-in servers with so many permits each.
    private static func modelKinds(
        _ environment: [String: String], _ queue: JobQueue, _ ledger: JobLedger, _ pool: PostgresPool
    ) -> [any JobHandler] {
        guard let urls = environment["FAULT_MODELS"] else { return [] }
        let permits = environment["FAULT_PERMITS"].flatMap { Int($0) } ?? 1
        let fetcher = Fetcher(guard: nil, userAgent: "fault", maxConnections: 256, maxConnectionsPerHost: 256)
        let endpoints = urls.split(separator: ",").map { url in
            ModelEndpoint(
                name: ServiceClient.label(of: String(url)), provider: Ollama(url: String(url), fetcher: fetcher), permits: permits)
        }
        let rooms = KindRooms(
            ledger: ledger, fetcher: fetcher, models: ModelEndpoints(endpoints, permits: ModelPermits(queue)),
            vectors: PostgresVectors(pool), embeddingModel: "none", userAgent: "fault")
        return EveryKind.handlers(in: rooms).filter { ["chat", "thinking"].contains($0.kind.name) }
    }

    private static func makeLogger(_ level: String?) -> Logger {
        var logger = Logger(label: "fault-\(getpid())") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level.flatMap { Logger.Level(rawValue: $0) } ?? .warning
        return logger
    }
}
