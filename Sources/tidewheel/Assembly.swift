/// The only place where rooms meet: builds what a process needs from its settings.
/// Who answers as the model and where vectors are kept is decided here and nowhere else.
import FoundationEssentials
import Glibc
import JobAPI
import JobDesk
import JobKinds
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Logging
import PageText
import PostgresWire
import RedisWire
import Services
import ToolServer
import WebFetch

struct Assembly: Sendable {
    private let settings: Settings
    private let logger: Logger
    private let queue: JobQueue
    private let ledger: JobLedger
    private let pool: PostgresPool
    /// Of searches in documents: they take long, and must not keep intake waiting.
    private let searchPool: PostgresPool
    private let desk: JobDesk
    private let extra: [any JobHandler]

    /// `extra` are kinds beside those of `EveryKind`: a bench's.
    init(_ settings: Settings, extra: [any JobHandler] = [], logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        self.extra = extra
        let address = try RedisAddress(url: settings[Known.redisURL])
        queue = JobQueue(
            address, prefix: settings[Known.keyPrefix], retentionMilliseconds: Int64(settings[Known.retention]) * 1000,
            // An answer that takes longer is as good as none: the caller gets a 503, the worker tries again.
            options: RedisOptions(commandTimeout: .seconds(2), clientName: "tidewheel-\(logger.label)"), logger: logger)
        pool = PostgresPool(
            Self.postgresOptions(settings, name: "tidewheel \(logger.label)", poolSize: settings[Known.postgresPool]), logger: logger)
        searchPool = PostgresPool(Self.postgresOptions(settings, name: "tidewheel \(logger.label) search", poolSize: 2), logger: logger)
        ledger = JobLedger(pool, logger: logger)
        var desk = JobDesk(queue: queue, ledger: ledger, catalogue: JobCatalogue(Self.kinds(settings) + extra.map(\.kind)), logger: logger)
        let rules = ReceiverRules(allowing: settings[Known.webhookAllow])
        desk.refusalOfReceiver = { rules.refusal(of: $0) }
        self.desk = desk
    }

    static func postgresOptions(_ settings: Settings, name: String, poolSize: Int) -> PostgresOptions {
        PostgresOptions(url: settings[Known.databaseURL], poolSize: poolSize, applicationName: name)
    }

    func server() throws -> JobServer {
        var server = JobServerSettings()
        server.host = settings[Known.host]
        server.callers = try Exposure.rule(settings)
        server.port = settings[Known.port]
        server.version = Tidewheel.version
        server.siteDirectory = try directory(Known.site)
        server.deckDirectory = servedDecks()
        server.maxConnections = settings[Known.maxConnections]
        server.maxEventStreams = settings[Known.maxEventStreams]
        server.maxUploads = settings[Known.maxUploads]
        server.scaling.latencySeconds = settings[Known.scalingLatency]
        server.scaling.maxWorkers = settings[Known.scalingMax]
        server.scaling.standardSlots = settings[Known.slots]
        server.drain = .seconds(settings[Known.apiDrain])
        server.tools = ToolServer(version: Tidewheel.version)
        return JobServer(desk: desk, search: documentSearch(), settings: server, logger: logger)
    }

    /// With what the workers ingest by. An API may run without model servers: then it cannot search, and says so to whoever asks.
    private func documentSearch() -> (any DocumentSearch)? {
        do {
            let models: any ModelProvider = try modelEndpoints() ?? Echo()
            let trusted = Fetcher(guard: nil, userAgent: "tidewheel/\(Tidewheel.version)")
            return SearchDocuments(
                ledger: ledger, models: models, vectors: vectors(trusted, in: searchPool), embeddingModel: embeddingModel(of: models))
        } catch {
            logger.info("POST /search is refused here", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// Webhooks are sent by a runner of their own, so that receivers that hang take no slot of other work; a bench measures without it.
    /// `onAsked`: when one of them is asked to leave over Redis.
    func runners(
        isForSuspects: Bool, launchSuspects: SuspectLauncher?, onAsked: @escaping @Sendable () -> Void
    ) throws -> [Runner] {
        var main = try runnerSettings(isForSuspects: isForSuspects)
        let endpoints = try modelEndpoints()
        let handlers = try handlers(endpoints) + extra
        main.modelReport = Self.report(of: endpoints)
        let makes = { (settings: RunnerSettings, launch: SuspectLauncher?) in
            Runner(desk: desk, handlers: handlers, settings: settings, launchSuspects: launch, onAsked: onAsked, logger: logger)
        }
        let slots = settings[Known.webhookSlots]
        guard !isForSuspects, extra.isEmpty, slots > 0, main.queues.contains(Receivers.queue), main.queues.count > 1 else {
            return [makes(main, launchSuspects)]
        }
        var companion = main
        companion.queues = [Receivers.queue]
        companion.slots = slots
        companion.isCompanion = true
        main.queues.removeAll { $0 == Receivers.queue }
        main.companionQueues = companion.queues
        return [makes(main, launchSuspects), makes(companion, nil)]
    }

    private func runnerSettings(isForSuspects: Bool) throws -> RunnerSettings {
        // Queues of registered kinds belong to the programs that run these.
        let known = desk.catalogue.builtInQueues
        let asked = settings[Known.queues]
        if let unknown = asked.first(where: { !known.contains($0) }) {
            throw Refusal(
                "TIDEWHEEL_QUEUES names \(unknown.debugDescription), which is no queue. There are: \(known.joined(separator: ", ")).")
        }
        var runner = RunnerSettings(queues: asked.isEmpty ? known : asked)
        runner.slots = isForSuspects ? 1 : settings[Known.slots]
        runner.host = ProcessInfo.processInfo.hostName
        runner.processID = Int(getpid())
        runner.version = Tidewheel.version
        runner.lease = .seconds(settings[Known.lease])
        runner.leadInterval = .milliseconds(settings[Known.leadInterval])
        runner.reapInterval = .milliseconds(settings[Known.reapInterval])
        runner.promoteInterval = .milliseconds(settings[Known.promoteInterval])
        runner.cancelInterval = .milliseconds(settings[Known.cancelInterval])
        runner.suspectInterval = .milliseconds(settings[Known.suspectInterval])
        runner.lossInterval = .milliseconds(settings[Known.lossInterval])
        runner.reconcileInterval = .milliseconds(settings[Known.reconcileInterval])
        runner.listenInterval = .milliseconds(settings[Known.listenInterval])
        runner.sweepInterval = .milliseconds(settings[Known.sweepInterval])
        runner.retainInterval = .seconds(settings[Known.retainInterval])
        runner.searchInterval = .milliseconds(settings[Known.searchInterval])
        runner.recordAges = RecordAges(
            standardDays: settings[Known.recordRetention], daysByKind: settings[optional: Known.recordRetentionOfKinds] ?? [:])
        runner.conversationRetentionDays = settings[Known.conversationRetention]
        runner.cacheAge = .seconds(settings[Known.cacheHours] * 3_600)
        runner.cacheBytes = Int64(settings[Known.cacheMebibytes]) << 20
        runner.auditRetentionDays = settings[Known.auditRetention]
        runner.repairInterval = .milliseconds(settings[Known.repairInterval])
        runner.flowInterval = .milliseconds(settings[Known.flowInterval])
        runner.scheduleInterval = .milliseconds(settings[Known.scheduleInterval])
        runner.durationInterval = .milliseconds(settings[Known.durationInterval])
        runner.reportInterval = .milliseconds(settings[Known.reportInterval])
        runner.drainGrace = isForSuspects ? .zero : .seconds(settings[Known.drain])
        runner.isForSuspects = isForSuspects
        return runner
    }

    /// Returns when Redis and PostgreSQL answer and are fit for use; says what it waits for. Refuses a Redis that may throw jobs away.
    func waitUntilUsable() async throws {
        try await waitUntil("Redis") {
            let policy = try await queue.evictionPolicy()
            if let policy, policy != "noeviction", !settings[Known.allowEviction] {
                throw Refusal(
                    "Redis' maxmemory-policy is \(policy): it may throw jobs away. Set it to noeviction, "
                        + "or set TIDEWHEEL_ALLOW_EVICTION=1 if you accept that.")
            }
            if policy == nil { logger.warning("Redis does not tell its maxmemory-policy; make sure that it is noeviction") }
            return nil
        }
        try await waitUntil("PostgreSQL") {
            let pending = try await ledger.pendingMigrations()
            guard pending.isEmpty else { return "the database is not up to date: run `tidewheel migrate`" }
            try await ledger.publish(desk.catalogue.builtIn)
            return nil
        }
    }

    /// For the API, which comes up anyway and says no at /readyz: one line in the log for what is away.
    func tellTroubles() async {
        do {
            _ = try await queue.ping()
        } catch { logger.error("Redis does not answer; jobs are refused until it does", metadata: ["error": "\(error)"]) }
        do {
            let pending = try await ledger.pendingMigrations()
            if pending.isEmpty {
                try await ledger.publish(desk.catalogue.builtIn)
                if settings[Known.apiKeys] == CallerRule.required.rawValue, try await ledger.apiKeys().isEmpty {
                    logger.warning("There is no API key yet, so nobody is let in: run `tidewheel key create`")
                }
            } else {
                logger.error("The database is not up to date: run `tidewheel migrate`")
            }
        } catch { logger.error("PostgreSQL does not answer; jobs are refused until it does", metadata: ["error": "\(error)"]) }
    }

    func close() async {
        await queue.close()
        await pool.close()
        await searchPool.close()
    }

    private func waitUntil(_ service: String, _ trouble: () async throws -> String?) async throws {
        var told: String?
        while true {
            let now: String?
            do {
                now = try await trouble()
            } catch let refusal as Refusal {
                throw refusal
            } catch { now = "\(error)" }
            guard let now else { return }
            if now != told { logger.warning("Waiting for \(service)", metadata: ["reason": "\(now)"]) }
            told = now
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func handlers(_ endpoints: ModelEndpoints?) throws -> [any JobHandler] {
        let agent = "tidewheel/\(Tidewheel.version)"
        let trusted = Fetcher(guard: nil, userAgent: agent)
        let models: any ModelProvider = endpoints ?? Echo()
        var receivers = Receivers(rules: ReceiverRules(allowing: settings[Known.webhookAllow]), userAgent: agent)
        receivers.timeout = .seconds(settings[Known.webhookTimeout])
        return EveryKind.handlers(
            in: KindRooms(
                ledger: ledger, fetcher: Fetcher(guard: AddressGuard(allowing: settings[Known.fetchAllow]), userAgent: agent),
                models: models, vectors: vectors(trusted, in: pool), embeddingModel: embeddingModel(of: models),
                extractor: PageExtractor(), fileRoot: try directory(Known.fileRoot), receivers: receivers, userAgent: agent,
                decks: try PresentonSettings(settings: settings).rooms(trusted, directory: directory(Known.deckDirectory)),
                cache: cacheRules, panel: panel(models)))
    }

    /// Vectors of the stand-in must never pass for a model's.
    private func embeddingModel(of models: any ModelProvider) -> String {
        models.isStandIn ? models.name : settings[Known.embeddingModel]
    }

    private var cacheRules: CacheRules {
        var rules = CacheRules()
        rules.longestAge = .seconds(settings[Known.cacheHours] * 3_600)
        rules.similarity = settings[Known.cacheSimilarity]
        return rules
    }

    /// An API may share its settings with workers that run elsewhere: it goes on without the files.
    private func servedDecks() -> String? {
        guard let path = settings[optional: Known.deckDirectory] else { return nil }
        if (try? directory(Known.deckDirectory)) == nil {
            logger.warning(
                "Files of presentations cannot be served: TIDEWHEEL_DECK_DIRECTORY is no directory here", metadata: ["path": "\(path)"])
        }
        return path
    }

    /// Looked at by the process that uses it: the others may run where it does not exist.
    private func directory(_ setting: Setting<String>) throws -> String? {
        guard let path = settings[optional: setting] else { return nil }
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory else {
            throw Refusal("\(setting.entry.name) is \(path.debugDescription); it must be a directory that this process can enter.")
        }
        return path
    }

    /// Nil for the stand-in, which must be asked for by name.
    private func modelEndpoints() throws -> ModelEndpoints? {
        // Answers take long: how many run at once is for the permits to say, not for the client.
        let fetcher = Fetcher(
            guard: nil, userAgent: "tidewheel/\(Tidewheel.version)", maxConnections: Self.modelConnections,
            maxConnectionsPerHost: Self.modelConnections)
        let endpoints = try ModelSettings(settings: settings).endpoints(fetcher, permits: ModelPermits(queue))
        if endpoints == nil {
            logger.warning("Models are answered by Echo, a stand-in without meaning; set OLLAMA_URL or OPENAI_URL for real ones")
        }
        return endpoints
    }

    private static let modelConnections = 1024

    /// What workers tell /health of the model servers, one object each.
    private static func report(of endpoints: ModelEndpoints?) -> @Sendable () async -> [JSONValue] {
        guard let endpoints else { return { [["name": "echo", "kind": "echo", "stand_in": true, "status": "healthy"]] } }
        return {
            await endpoints.health().map { server in
                var document: [String: JSONValue] = [
                    "name": .string(server.name), "kind": .string(server.kind), "permits": .integer(Int64(server.permits)),
                    "status": server.trouble == nil ? "healthy" : "unhealthy",
                ]
                document["models"] = server.models.map { .integer(Int64($0)) }
                document["message"] = server.trouble.map { .string(String($0.prefix(300))) }
                return .object(document)
            }
        }
    }

    /// The stand-in answers under names of its own.
    private func panel(_ models: any ModelProvider) -> ModelPanel {
        let named = Array(settings[Known.queryModels].prefix(10))
        let names = models.isStandIn ? ["a", "b", "c"].map { "\(models.name)-\($0)" } : named
        return ModelPanel(models: names, historyTokens: settings[Known.historyTokens])
    }

    private func vectors(_ fetcher: Fetcher, in pool: PostgresPool) -> any VectorStore {
        Self.qdrant(settings, fetcher, ledger) ?? PostgresVectors(pool)
    }

    /// Nil without QDRANT_URL.
    static func qdrant(_ settings: Settings, _ fetcher: Fetcher, _ directory: any DocumentDirectory) -> (any VectorStore)? {
        settings[optional: Known.qdrantURL].map {
            Qdrant(url: $0, apiKey: settings[optional: Known.qdrantKey], fetcher: fetcher, directory: directory)
        }
    }

    /// JOB_TIMEOUT is for kinds that do not bring a limit of their own.
    static func kinds(_ settings: Settings) -> [JobKind] {
        let standard = JobKind(name: "", summary: "", queue: "", input: InputShape([])).timeoutMilliseconds
        return EveryKind.kinds.map { kind in
            guard kind.timeoutMilliseconds == standard else { return kind }
            return kind.limited(toMilliseconds: Int64(settings[Known.jobTimeout]) * 1000)
        }
    }
}
