import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import ServiceLifecycle
import Synchronization
import TestServers

@testable import JobAPI
@testable import TidewheelClient

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// What the test lets happen, one by one; outlives the jobs that wait for it.
final class Permits: Sendable {
    private let state = Mutex((count: 0, waiter: CheckedContinuation<Bool, Never>?.none, isCancelled: false))

    func yield() {
        state.withLock { state -> CheckedContinuation<Bool, Never>? in
            if state.waiter == nil { state.count += 1 }
            defer { state.waiter = nil }
            return state.waiter
        }?.resume(returning: true)
    }

    /// One job at a time; false when it is cancelled.
    func take() async -> Bool {
        state.withLock { $0.isCancelled = false }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let answer = state.withLock { state -> Bool? in
                    if state.isCancelled { return false }
                    if state.count == 0 { state.waiter = waiter }
                    defer { state.count = max(0, state.count - 1) }
                    return state.count > 0 ? true : nil
                }
                if let answer { waiter.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { state -> CheckedContinuation<Bool, Never>? in
                state.isCancelled = true
                defer { state.waiter = nil }
                return state.waiter
            }?.resume(returning: false)
        }
    }
}

/// Its jobs tell `n` steps, each when the test lets them, then end as their input says.
struct Steps: JobHandler {
    let kind = JobKind(
        name: "steps", summary: "tells n steps", queue: "ingest",
        input: InputShape([
            .init("n", .integer(0...1000), standard: 0, "steps"), .init("fails", .boolean, standard: false, "fails"),
            .init("text", .text(maxLength: 100), "comes back"),
        ]),
        retry: RetryPolicy(maxAttempts: 1))
    let permit = Permits()

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let count = context.input["n"]?.integer ?? 0
        for step in 0..<count {
            guard await permit.take() else { throw .cancelled }
            try await context.progress(Double(step + 1) / Double(count) * 100, step: "step \(step)", "Step \(step)")
        }
        if context.input["fails"]?.boolean == true { throw .permanent("it was told to", type: "told") }
        return ["told": .integer(Int64(count)), "text": context.input["text"] ?? .null]
    }
}

/// A real API, which may be stopped and started again at its port, with a real worker, Redis and PostgreSQL, behind a link that may be cut.
final class ClientFixture: Sendable {
    let desk: JobDesk
    let steps = Steps()
    let link: TCPProxy
    private let pool: PostgresPool
    private let port: Int
    private let running: Mutex<(ServiceGroup, Task<Void, any Error>)>
    private let settings: JobServerSettings

    static func run(
        adjust: (inout JobServerSettings) -> Void = { _ in }, _ test: (ClientFixture, TidewheelClient) async throws -> Void
    ) async throws {
        let fixture = try await ClientFixture(adjust)
        let runner = fixture.runner()
        async let running: Void = runner.run()
        let client = try TidewheelClient(url: "http://127.0.0.1:\(fixture.link.port)")
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await test(fixture, client)) } catch { outcome = .failure(error) }
        await client.close()
        runner.drain()
        await running
        await fixture.end()
        try outcome.get()
    }

    private init(_ adjust: (inout JobServerSettings) -> Void) async throws {
        let redis = try RedisAddress(url: try await TestRedis.shared().url)
        pool = PostgresPool(PostgresOptions(url: try await TestPostgres.freshDatabase()), logger: quiet)
        _ = try await JobLedger.migrate(pool, logger: quiet)
        let queue = JobQueue(redis, prefix: TestRedis.uniquePrefix(), options: RedisOptions(commandTimeout: .seconds(2)), logger: quiet)
        desk = JobDesk(queue: queue, ledger: JobLedger(pool, logger: quiet), catalogue: JobCatalogue([steps.kind]), logger: quiet)
        var settings = JobServerSettings()
        settings.port = 0
        adjust(&settings)
        let (server, group, task) = Self.start(desk, settings)
        port = await server.port ?? 0
        settings.port = port
        self.settings = settings
        running = Mutex((group, task))
        link = try await TCPProxy(port: port)
    }

    private static func start(_ desk: JobDesk, _ settings: JobServerSettings) -> (JobServer, ServiceGroup, Task<Void, any Error>) {
        let server = JobServer(desk: desk, settings: settings, logger: quiet)
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [.init(service: server)], logger: quiet))
        return (server, group, Task { try await group.run() })
    }

    func stopAPI() async {
        let (group, task) = running.withLock { $0 }
        await group.triggerGracefulShutdown()
        _ = await task.result
    }

    func startAPI() async {
        let (server, group, task) = Self.start(desk, settings)
        running.withLock { $0 = (group, task) }
        _ = await server.port
    }

    private func runner() -> Runner {
        var settings = RunnerSettings(queues: ["ingest"])
        settings.beatInterval = .milliseconds(100)
        settings.lease = .milliseconds(700)
        settings.promoteInterval = .milliseconds(20)
        settings.drainGrace = .milliseconds(100)
        settings.stopGrace = .milliseconds(500)
        return Runner(desk: desk, handlers: [steps], settings: settings, launchSuspects: nil, logger: quiet)
    }

    private func end() async {
        await stopAPI()
        await link.stop()
        await desk.queue.close()
        await pool.close()
    }
}
