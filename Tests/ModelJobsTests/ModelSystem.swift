import JobAPI
import JobDesk
import JobKinds
import JobLedger
import JobModel
import JobQueue
import JobRunner
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import ServiceLifecycle
import Services
import TestServers
import Testing
import WebFetch

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The whole of it in one process: the API on a port of its own, a worker with the real kinds, real stores, and a stand-in for Ollama.
struct ModelSystem: Sendable {
    static let panel = ["llama3.2", "qwen3", "mistral"]

    let url: String
    let desk: JobDesk
    private let fetcher: Fetcher

    struct Answer: Sendable {
        let status: Int
        let headers: [(name: String, value: String)]
        let json: JSONValue
        var jobID: JobID? { json["job_id"]?.string.flatMap { JobID($0) } }

        func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    }

    /// `address`: somewhere else than the stand-in.
    static func run(_ standIn: StandInOllama, slots: Int = 4, address: String? = nil, _ test: (ModelSystem) async throws -> Void)
        async throws
    {
        let ollama = try await StubHTTPServer { await standIn.answer($0) }
        let fetcher = Fetcher(guard: nil, userAgent: "tests")
        let pool = PostgresPool(PostgresOptions(url: try await database(), poolSize: 2), logger: quiet)
        let ledger = JobLedger(pool, logger: quiet)
        let queue = JobQueue(
            try RedisAddress(url: try await TestRedis.shared().url), prefix: TestRedis.uniquePrefix(),
            options: RedisOptions(commandTimeout: .seconds(2)), logger: quiet)
        let desk = JobDesk(queue: queue, ledger: ledger, catalogue: JobCatalogue(EveryKind.kinds), logger: quiet)
        let rooms = KindRooms(
            ledger: ledger, fetcher: fetcher, models: Ollama(url: address ?? ollama.url, fetcher: fetcher), vectors: PostgresVectors(pool),
            embeddingModel: "nomic-embed-text", userAgent: "tests", panel: ModelPanel(models: panel))
        var settings = RunnerSettings(queues: desk.catalogue.queues)
        settings.slots = slots
        settings.promoteInterval = .milliseconds(50)
        settings.drainGrace = .zero
        let runner = Runner(desk: desk, handlers: EveryKind.handlers(in: rooms), settings: settings, logger: quiet)
        try await serve(desk) { url in
            async let running: Void = runner.run()
            let outcome = await Result {
                try await test(ModelSystem(url: url, desk: desk, fetcher: fetcher))
            }
            runner.drain()
            await running
            try outcome.get()
        }
        await ollama.stop()
        await fetcher.close()
        await queue.close()
        await pool.close()
    }

    private static func serve(_ desk: JobDesk, _ test: (String) async throws -> Void) async throws {
        var settings = JobServerSettings()
        settings.port = 0
        let server = JobServer(desk: desk, settings: settings, logger: quiet)
        let services = ServiceGroup(configuration: ServiceGroupConfiguration(services: [.init(service: server)], logger: quiet))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let port = await server.port ?? 0
            let outcome = await Result { try await test("http://127.0.0.1:\(port)") }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            try outcome.get()
        }
    }

    private static func database() async throws -> String {
        try await TestPostgres.freshDatabase(preparedAs: "modeljobs") { url in
            let pool = PostgresPool(PostgresOptions(url: url), logger: quiet)
            _ = try await JobLedger.migrate(pool, logger: quiet)
            await pool.close()
        }
    }
}

extension ModelSystem {
    func send(_ method: String, _ path: String, _ body: JSONValue? = nil, _ headers: [(String, String)] = []) async throws -> Answer {
        var request = FetchRequest(url: url + path)
        request.method = method
        request.headers = headers
        if let body {
            request.headers.append(("Content-Type", "application/json"))
            request.body = body.bytes
        }
        let response = try await fetcher.fetch(request)
        let bytes = try await response.body.collect()
        return Answer(status: response.status, headers: response.headers, json: (try? JSONReader.read(bytes)) ?? .null)
    }

    func get(_ path: String) async throws -> JSONValue {
        let answer = try await send("GET", path)
        #expect(answer.status == 200, "\(path): \(answer.json.serialized)")
        return answer.json
    }

    /// A job by the generic route.
    func submit(_ kind: String, _ input: JSONValue, _ more: [String: JSONValue] = [:]) async throws -> JobID {
        let answer = try await send(
            "POST", "/jobs", .object(["kind": .string(kind), "input": input].merging(more) { own, _ in own }))
        #expect(answer.status == 202, "\(answer.json.serialized)")
        return try #require(answer.jobID)
    }

    /// In the words of `/api/jobs`, once it has ended; its events on the way.
    @discardableResult
    func ended(_ id: JobID) async throws -> JSONValue {
        for try await event in try await desk.events(of: id, after: nil) where event.isTerminal { break }
        return try await get("/api/jobs/\(id)")
    }

    /// Returns when the job has told of a step with these words.
    func told(_ message: String, by id: JobID) async throws {
        for try await event in try await desk.events(of: id, after: nil) where event.json.contains(message) || event.isTerminal { return }
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

/// Holds what the stand-in is asked until the test lets it go.
final class Hold: Sendable {
    private let (opened, open) = AsyncStream<Void>.makeStream()
    private let names: Set<String>

    init(_ names: String...) {
        self.names = Set(names)
    }

    func pass(_ moment: StandInMoment) async {
        if case .asked(let model) = moment, names.contains(model) { for await _ in opened {} }
    }

    func letGo() { open.finish() }
}

extension StandInModel {
    /// Answers by the schema it is given, or tells what it heard.
    static func fitting(_ name: String, thoughts: String = "") -> StandInModel {
        StandInModel(name, thoughts: thoughts) { question in
            question.body["format"].flatMap { $0.isNull ? nil : $0 }.map { least($0).serialized }
                ?? "\(question.model) on: \(question.text.prefix(200))"
        }
    }

    private static func least(_ schema: JSONValue) -> JSONValue {
        switch schema["type"]?.string {
        case "object": .object((schema["properties"]?.object ?? [:]).mapValues(least))
        case "array": .array(Array(repeating: least(schema["items"] ?? .null), count: max(1, schema["minItems"]?.integer ?? 1)))
        default: "some words"
        }
    }

    static var panel: [StandInModel] {
        [.fitting("llama3.2"), .fitting("qwen3", thoughts: "hm, hm"), .fitting("mistral"), .embedder("nomic-embed-text")]
    }
}
