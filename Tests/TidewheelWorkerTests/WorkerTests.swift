import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import Synchronization
import TestServers
import Testing

@testable import TidewheelWorker

/// Fails, waits or counts, as its input says.
struct Play: WorkKind {
    struct Input: Codable {
        let act: String
        let times: Int
    }

    struct Output: Codable {
        let text: String
        let ran: Int
    }

    let ran = Counter()

    var terms: WorkTerms {
        var terms = WorkTerms(
            name: "play", summary: "Plays", queue: "stage",
            input: .object([
                .required("act", .choice(["count", "retry", "permanent", "wait", "trip"]), "what it does"),
                .optional("times", .integer(1...9), standard: 2, "how often"),
            ]))
        terms.firstPause = .milliseconds(1)
        return terms
    }

    func run(_ input: Input, in context: WorkContext) async throws -> Output {
        switch input.act {
        case "retry" where context.attempt < 2: throw WorkFailure.retry("not yet", type: "early", after: .zero)
        case "trip" where context.attempt < 2:
            _ = try await context.step("once") { ran.add() }
            throw Trip()
        case "permanent": throw WorkFailure.permanent("never", type: "stage_fright")
        case "wait":
            try await context.progress(10, step: "wait", "until somebody stops it")
            try await Task.sleep(for: .seconds(60))
        default: break
        }
        let count = try await context.step("once") { ran.add() }
        try await context.log("played")
        return Output(text: String(repeating: input.act, count: input.times), ran: count)
    }
}

struct Trip: Error {}

final class Counter: Sendable {
    private let value = Mutex(0)

    func add() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}

/// An installation with a stock worker, and the worker of another program.
struct Stage: Sendable {
    let desk: JobDesk
    /// For further programs of the installation.
    let options: WorkerOptions

    static func run(_ kinds: [any JobHandler], _ test: (Stage) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let quiet = logger
        let database = try await TestPostgres.freshDatabase(preparedAs: "guest") { url in
            let pool = PostgresPool(PostgresOptions(url: url), logger: quiet)
            _ = try await JobLedger.migrate(pool, logger: quiet)
            await pool.close()
        }
        var options = WorkerOptions()
        options.redisURL = try await TestRedis.shared().url
        options.databaseURL = database
        options.keyPrefix = TestRedis.uniquePrefix()
        options.logLevel = "critical"
        options.drainSeconds = 1
        let queue = JobQueue(try RedisAddress(url: options.redisURL), prefix: options.keyPrefix, logger: quiet)
        let pool = PostgresPool(PostgresOptions(url: database), logger: quiet)
        let note = JobKind(name: "note", summary: "s", queue: "notes", input: InputShape([]))
        let desk = JobDesk(queue: queue, ledger: JobLedger(pool, logger: quiet), catalogue: JobCatalogue([note]), logger: quiet)
        try await desk.ledger.publish([note])
        var settings = RunnerSettings(queues: ["notes"])
        settings.promoteInterval = .milliseconds(20)
        let stock = Runner(desk: desk, handlers: [], settings: settings, logger: quiet)
        let guest = kinds.isEmpty ? nil : try WorkerProcess(kinds, options)
        async let duties: Void = stock.run()
        async let work: Void? = guest?.run(after: Task { try await guest?.start() })
        let outcome: Result<Void, any Error>
        do {
            try await test(Stage(desk: desk, options: options))
            outcome = .success(())
        } catch { outcome = .failure(error) }
        guest?.drain()
        stock.drain()
        _ = try await (duties, work)
        await queue.close()
        await pool.close()
        try outcome.get()
    }

    /// The job once it has ended.
    func play(_ input: JSONValue) async throws -> Job {
        let id = try await submit(input)
        var job: Job?
        try await eventually {
            job = try await desk.read(id)
            return job?.state.isTerminal == true
        }
        return try #require(job)
    }

    /// Accepted as soon as the kind is known.
    func submit(_ input: JSONValue, kind: String = "play") async throws -> JobID {
        var id: JobID?
        try await eventually {
            id = try await desk.submit(JobRequest(kind: kind, input: input)).job.id
            return true
        }
        return try #require(id)
    }
}

@Suite(.timeLimit(.minutes(1))) struct WorkerTests {
    @Test func aKindOfAnotherProgramIsRegisteredAndRun() async throws {
        try await Stage.run([try KindHandler(Play())]) { (stage) async throws in
            let job = try await stage.play(["act": "count"])
            #expect(job.state == .completed && job.queue == "stage" && job.attempt == 1)
            #expect(job.result == ["text": "countcount", "ran": 1], "the schema's default was filled in")
            #expect(try await stage.desk.ledger.registeredKinds().map(\.name) == ["play"])
            let refused = await #expect(throws: DeskError.self) {
                try await stage.desk.submit(JobRequest(kind: "play", input: ["act": "dance"]))
            }
            guard case .invalid(let faults) = refused else { throw Trip() }
            #expect(faults.map(\.pointer) == ["#/input/act"])
        }
    }

    @Test func failuresSayWhetherToTryAgain() async throws {
        try await Stage.run([try KindHandler(Play())]) { (stage) async throws in
            let retried = try await stage.play(["act": "retry"])
            #expect(retried.state == .completed && retried.attempt == 2)
            let tripped = try await stage.play(["act": "trip"])
            #expect(tripped.state == .completed && tripped.attempt == 2)
            #expect(tripped.result?["ran"] == 2, "the step of the first attempt is not repeated")
            let permanent = try await stage.play(["act": "permanent"])
            #expect(permanent.state == .failed && permanent.attempt == 1 && permanent.errorType == "stage_fright")
        }
    }

    @Test func aCancelStopsIt() async throws {
        try await Stage.run([try KindHandler(Play())]) { (stage) async throws in
            let id = try await stage.submit(["act": "wait"])
            try await eventually { try await stage.desk.read(id).progress == 10 }
            _ = try await stage.desk.cancel(id)
            try await eventually(within: .seconds(5)) { try await stage.desk.read(id).state == .cancelled }
        }
    }

    /// The other program runs `play`, but not yet `encore`, which a newer version of it registered.
    @Test func aKindOfANewerVersionIsHandedBackUncharged() async throws {
        try await Stage.run([try KindHandler(Play())]) { (stage) async throws in
            _ = try await stage.play(["act": "count"])
            let encore = JobKind(
                name: "encore", summary: "s", queue: "stage", input: InputShape(schema: ["type": "object"]), isRegistered: true)
            try await stage.desk.register([encore], running: ["play"])
            let id = try await stage.desk.submit(JobRequest(kind: "encore", input: [:])).job.id
            try await eventually { try await stage.desk.read(id).attempt >= 2 }
            let job = try await stage.desk.read(id)
            #expect(!job.state.isTerminal)
            #expect(job.uncharged >= job.attempt - 1)
        }
    }

    /// One that knows nothing of `encore` is started again, or rolled back.
    @Test func anOlderVersionStartsBesideANewerOne() async throws {
        try await Stage.run([]) { (stage) async throws in
            var terms = Play().terms
            let play = try KindHandler(Play()).kind
            let encore = JobKind(
                name: "encore", summary: "s", queue: "stage", input: InputShape(schema: ["type": "object"]), isRegistered: true)
            try await stage.desk.register([play, encore])
            terms.timeout = .seconds(7)
            for older in [try KindHandler(Play()), try KindHandler(Other(terms: terms))] as [any JobHandler] {
                let worker = try WorkerProcess([older], stage.options)
                worker.drain()
                try await worker.run(after: Task { try await worker.start() })
            }
            terms.name = "stranger"
            let stranger = try WorkerProcess([try KindHandler(Other(terms: terms))], stage.options)
            await #expect(throws: WorkerRefusal.self) { try await stranger.run(after: Task { try await stranger.start() }) }
        }
    }

    @Test func whatCannotBeRegisteredIsRefusedAtTheStart() async throws {
        var terms = Play().terms
        terms.name = "Not a name"
        #expect(throws: WorkerRefusal.self) { try KindHandler(Other(terms: terms)) }
        terms.name = "note"
        let taken = try KindHandler(Other(terms: terms))
        await #expect(throws: WorkerRefusal.self) { try await Stage.run([taken]) { _ in } }
    }

    @Test func theEnvironmentIsHeeded() throws {
        let options = try WorkerOptions.environment(["TIDEWHEEL_SLOTS": "9", "REDIS_URL": "", "TIDEWHEEL_KEY_PREFIX": "x:"])
        #expect(options.slots == 9 && options.keyPrefix == "x:" && options.redisURL == WorkerOptions().redisURL)
        #expect(throws: WorkerRefusal.self) { try WorkerOptions.environment(["TIDEWHEEL_SLOTS": "many"]) }
        try options.check()
        for place in [\WorkerOptions.retentionSeconds, \.slots, \.leaseSeconds, \.drainSeconds, \.postgresConnections] {
            for value in [Int.max, -1] {
                var wrong = WorkerOptions()
                wrong[keyPath: place] = value
                #expect(throws: WorkerRefusal.self) { try wrong.check() }
            }
        }
        #expect(Duration.seconds(Int64.max).wholeMilliseconds > 0 && Duration.seconds(Int64.min).wholeMilliseconds < 0)
    }
}

struct Other: WorkKind {
    let terms: WorkTerms

    func run(_ input: [String: String], in context: WorkContext) async throws -> [String: String] { input }
}
