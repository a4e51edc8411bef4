import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import TestServers

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A kind whose work is a closure of the test.
struct TestHandler: JobHandler {
    let kind: JobKind
    let work: @Sendable (JobContext) async throws(JobFailure) -> JSONValue

    init(
        _ name: String = "task", queue: String = "ingest",
        retry: RetryPolicy = RetryPolicy(maxAttempts: 3, baseMilliseconds: 20, capMilliseconds: 50), isRecorded: Bool = true,
        work: @escaping @Sendable (JobContext) async throws(JobFailure) -> JSONValue
    ) {
        kind = JobKind(
            name: name, summary: "s", queue: queue, input: InputShape([.init("n", .integer(0...1000), "n")]), retry: retry,
            timeoutMilliseconds: 60_000, isRecorded: isRecorded)
        self.work = work
    }

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        try await work(context)
    }
}

/// Waits until it is opened; a handler that waits here goes on waiting when it is cancelled only if it asks to.
final class Gate: Sendable {
    private let (stream, continuation) = AsyncStream<Void>.makeStream()

    func open() {
        continuation.finish()
    }

    /// Throws when the task is cancelled.
    func wait() async throws(JobFailure) {
        for await _ in stream {}
        if Task.isCancelled { throw .cancelled }
    }
}

/// A runner on real servers with short times, and the desk to talk to it.
struct RunnerFixture {
    let desk: JobDesk
    let redis: RedisConnection
    let pool: PostgresPool
    let handlers: [any JobHandler]
    let settings: RunnerSettings

    init(
        _ handlers: [any JobHandler], redis server: PrivateRedis? = nil, postgres url: String? = nil, prefix: String? = nil,
        change: (inout RunnerSettings) -> Void = { _ in }
    ) async throws {
        let shared = try await TestRedis.shared()
        let address = try RedisAddress(url: (server ?? shared).url)
        let database = if let url { url } else { try await TestPostgres.freshDatabase() }
        pool = PostgresPool(PostgresOptions(url: database), logger: quiet)
        _ = try await JobLedger.migrate(pool, logger: quiet)
        let queue = JobQueue(address, prefix: prefix ?? TestRedis.uniquePrefix(), logger: quiet)
        desk = JobDesk(
            queue: queue, ledger: JobLedger(pool, logger: quiet), catalogue: JobCatalogue(handlers.map(\.kind)), logger: quiet)
        redis = RedisConnection(address, logger: quiet)
        self.handlers = handlers
        var settings = RunnerSettings(queues: ["ingest"])
        settings.host = "test"
        settings.beatInterval = .milliseconds(100)
        settings.lease = .milliseconds(700)
        settings.reapInterval = .milliseconds(50)
        settings.promoteInterval = .milliseconds(20)
        settings.leadInterval = .milliseconds(100)
        settings.reportInterval = .milliseconds(50)
        settings.listenInterval = .milliseconds(50)
        settings.sweepInterval = .milliseconds(100)
        settings.drainGrace = .milliseconds(100)
        settings.stopGrace = .milliseconds(500)
        change(&settings)
        self.settings = settings
    }

    func runner(launchSuspects: SuspectLauncher? = nil) -> Runner {
        Runner(desk: desk, handlers: handlers, settings: settings, launchSuspects: launchSuspects, logger: quiet)
    }

    /// Runs a worker for as long as `body` takes, then lets it leave.
    func working<Value>(_ body: (Runner) async throws -> Value) async throws -> Value {
        let runner = runner()
        async let running: Void = runner.run()
        do {
            let value = try await body(runner)
            runner.drain()
            await running
            return value
        } catch {
            runner.drain()
            await running
            throw error
        }
    }

    @discardableResult
    func submit(_ kind: String = "task", timeout: Int64? = nil) async throws -> JobID {
        var request = JobRequest(kind: kind, input: [:])
        request.timeoutMilliseconds = timeout
        return try await desk.submit(request).job.id
    }

    /// The job once it has ended, followed by its events.
    func ended(_ id: JobID) async throws -> Job {
        for try await event in try await desk.events(of: id, after: nil) where event.isTerminal { break }
        return try await desk.read(id)
    }

    /// Returns when the job has an event of this name.
    func waitFor(_ name: String, of id: JobID) async throws {
        for try await event in try await desk.events(of: id, after: nil) where event.name == name { return }
    }
}
