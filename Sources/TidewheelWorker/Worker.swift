internal import FoundationEssentials
internal import Glibc
internal import JobDesk
internal import JobLedger
internal import JobModel
internal import JobQueue
internal import JobRunner
internal import Logging
internal import PostgresWire
internal import PrivateServers
internal import RedisWire

/// A worker process of another program: it registers the program's kinds and runs their jobs, by the engine of `tidewheel worker`. What all
/// workers share (recovery of the dead, schedules, retention) is left to those: at least one `tidewheel worker` runs beside it.
///
///     try await Worker(Greet()).run()
public struct Worker: Sendable {
    /// Set in the process that `run` starts, from the same executable with the same arguments, for jobs whose worker died: one at a time, so
    /// that a job that kills its process takes no neighbour with it.
    static let suspectsVariable = "TIDEWHEEL_RUNS_SUSPECTS"
    private let kinds: [any WorkKind]
    private let options: WorkerOptions?

    /// All kinds of the program. Without options the environment's hold.
    public init(_ kinds: any WorkKind..., options: WorkerOptions? = nil) {
        self.kinds = kinds
        self.options = options
    }

    /// The same for a list that is made elsewhere.
    public init(_ kinds: [any WorkKind], options: WorkerOptions? = nil) {
        self.kinds = kinds
        self.options = options
    }

    /// Works until the process gets SIGTERM or SIGINT: then running jobs may finish, the rest is handed back, and this returns. A second signal
    /// ends the process at once. Throws `WorkerRefusal` where a kind or a setting cannot be used; stores that are away are waited for.
    public func run() async throws {
        let isForSuspects = ProcessInfo.processInfo.environment[Worker.suspectsVariable] == "1"
        let process = try WorkerProcess(
            kinds.map { try Worker.handler(of: $0) }, try options ?? .environment(), isForSuspects: isForSuspects)
        let starting = Task { try await process.start() }
        let leave = { @Sendable in
            starting.cancel()
            process.drain()
        }
        Signals.handle { _ in leave() }
        if isForSuspects { ParentWatch.start(onEnd: leave) }
        try await process.run(after: starting)
    }

    private static func handler<Work: WorkKind>(of kind: Work) throws -> any JobHandler {
        try KindHandler<Work>(kind)
    }
}

/// The engine with its stores, for one program's kinds.
struct WorkerProcess: Sendable {
    private let desk: JobDesk
    private let queue: JobQueue
    private let pool: PostgresPool
    private let kinds: [JobKind]
    private let runner: Runner
    private let logger: Logger

    init(_ handlers: [any JobHandler], _ options: WorkerOptions, isForSuspects: Bool = false) throws {
        guard !handlers.isEmpty else { throw WorkerRefusal("A worker needs a kind") }
        try options.check()
        guard let level = Logger.Level(rawValue: options.logLevel) else { throw WorkerRefusal("There is no log level \(options.logLevel)") }
        var logger = Logger(label: isForSuspects ? "suspects" : "worker")
        logger.logLevel = level
        self.logger = logger
        kinds = handlers.map(\.kind)
        queue = JobQueue(
            try RedisAddress(url: options.redisURL), prefix: options.keyPrefix,
            retentionMilliseconds: Int64(options.retentionSeconds) * 1000,
            options: RedisOptions(commandTimeout: .seconds(2), clientName: "tidewheel-\(logger.label)"), logger: logger)
        pool = PostgresPool(
            PostgresOptions(url: options.databaseURL, poolSize: options.postgresConnections, applicationName: "tidewheel \(logger.label)"),
            logger: logger)
        desk = JobDesk(queue: queue, ledger: JobLedger(pool, logger: logger), catalogue: JobCatalogue([]), logger: logger)
        var settings = RunnerSettings(queues: JobCatalogue(kinds).queues)
        settings.slots = isForSuspects ? 1 : options.slots
        settings.host = ProcessInfo.processInfo.hostName
        settings.processID = Int(getpid())
        settings.lease = .seconds(options.leaseSeconds)
        settings.drainGrace = isForSuspects ? .zero : .seconds(options.drainSeconds)
        settings.isForSuspects = isForSuspects
        settings.isGuest = true
        runner = Runner(
            desk: desk, handlers: handlers, settings: settings, launchSuspects: isForSuspects ? nil : Self.launcher(logger), logger: logger)
    }

    func drain() {
        runner.drain()
    }

    /// Works until `drain`. A start that was cancelled ends it without having worked; this itself must not be cancelled, because who leaves
    /// hands back what it holds.
    func run(after starting: Task<Void, any Error>) async throws {
        let outcome = await starting.result
        if case .success = outcome { await runner.run() }
        await queue.close()
        await pool.close()
        if case .failure(let error) = outcome, !(error is CancellationError) { throw error }
    }

    /// Registers the kinds. A store that is away is waited for; a kind that is refused ends the worker.
    func start() async throws {
        var told = false
        while true {
            do throws(DeskError) {
                if try await isUpToDate() { return try await desk.register(kinds) }
                logger.warning("The database is not up to date: run `tidewheel migrate`; the worker waits for it")
            } catch {
                if case .kindRefused(let refusal) = error { throw WorkerRefusal(refusal.words) }
                if !told { logger.warning("Waiting for PostgreSQL", metadata: ["reason": "\(error)"]) }
                told = true
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func isUpToDate() async throws(DeskError) -> Bool {
        try await desk.schemaIsCurrent()
    }

    /// This program again, for one suspect at a time.
    private static func launcher(_ logger: Logger) -> SuspectLauncher {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        var order = ChildOrder(program, Array(CommandLine.arguments.dropFirst()))
        order.environment = ProcessInfo.processInfo.environment.merging([Worker.suspectsVariable: "1"]) { $1 }
        return { [order] in await order.runAside(logger) }
    }
}

extension KindRefusal {
    fileprivate var words: String {
        switch self {
        case .nameTaken(let name): "\(name) is a built-in kind; give yours another name"
        case .queueTaken(let queue, let by):
            "The queue \(queue) has kinds that this program does not run: \(by.joined(separator: ", ")). Give yours another queue"
        case .moves(let name): "Jobs of the kind \(name) have not ended, so it cannot go to another queue; wait for them, or cancel them"
        case .tooMany: "There are as many registered kinds as there may be; forget some with DELETE /kinds/{kind}"
        }
    }
}
