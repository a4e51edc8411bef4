import JobKinds
import JobLedger
import JobModel
import Logging
import PostgresWire
import Services
import Synchronization
import TestServers
import WebFetch

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The handlers on a ledger of their own, with the echo model and a fetcher that may reach this machine.
struct KindsFixture {
    let pool: PostgresPool
    let ledger: JobLedger
    let fetcher: Fetcher
    let rooms: KindRooms

    init(allowing: [String], models: any ModelProvider, fileRoot: String?, cache: CacheRules = CacheRules()) async throws {
        let url = try await TestPostgres.freshDatabase(preparedAs: "kinds") { url in
            let pool = PostgresPool(PostgresOptions(url: url, poolSize: 1), logger: quiet)
            _ = try await JobLedger.migrate(pool, logger: quiet)
            await pool.close()
        }
        pool = PostgresPool(PostgresOptions(url: url), logger: quiet)
        ledger = JobLedger(pool, logger: quiet)
        fetcher = Fetcher(guard: AddressGuard(allowing: allowing), userAgent: "Tidewheel/1.0 (test)")
        rooms = KindRooms(
            ledger: ledger, fetcher: fetcher, models: models, vectors: PostgresVectors(pool), embeddingModel: "echo-256",
            fileRoot: fileRoot,
            userAgent: "Tidewheel/1.0 (test)", cache: cache)
    }

    static func run(
        allowing: [String] = ["127.0.0.1"], models: any ModelProvider = Echo(), fileRoot: String? = nil, cache: CacheRules = CacheRules(),
        _ body: (KindsFixture) async throws -> Void
    ) async throws {
        let fixture = try await KindsFixture(allowing: allowing, models: models, fileRoot: fileRoot, cache: cache)
        var failure: (any Error)?
        do { try await body(fixture) } catch { failure = error }
        await fixture.fetcher.close()
        await fixture.pool.close()
        if let failure { throw failure }
    }

    func run(
        _ kind: String, _ input: JSONValue, _ record: JobRecord = JobRecord(), session: String? = nil,
        conversation: any ConversationMemory = NoConversation()
    ) async throws(JobFailure) -> JSONValue {
        guard let handler = EveryKind.handlers(in: rooms).first(where: { $0.kind.name == kind }) else {
            throw .permanent("no \(kind)", type: "test")
        }
        let accepted: JSONValue
        switch handler.kind.input.accept(input) {
        case .success(let value): accepted = value
        case .failure(let faults): throw .permanent("\(faults.list)", type: "invalid_input")
        }
        let context = JobContext(
            jobID: record.jobID, attempt: 1, input: accepted, sessionID: session, reporter: record, steps: record,
            conversation: conversation, logger: quiet)
        return try await handler.run(in: context)
    }

    func crawl(_ site: Site, _ more: [String: JSONValue] = [:], _ record: JobRecord = JobRecord()) async throws(JobFailure) -> JSONValue {
        try await run("web_crawl", .object(["url": .string(site.url)].merging(more) { _, new in new }), record)
    }

    func failure(_ kind: String, _ input: JSONValue) async -> JobFailure? {
        do {
            _ = try await run(kind, input)
            return nil
        } catch {
            return error
        }
    }

    func count(_ sql: String) async throws -> Int {
        Int(try await pool.query("SELECT (\(sql))::bigint AS n").first?.int("n") ?? -1)
    }

    func uris() async throws -> [String] {
        try await pool.query("SELECT uri FROM documents ORDER BY uri").map { try $0.string("uri") }
    }
}

/// What a job told and kept, as arrays.
final class JobRecord: JobReporter, StepStore {
    private struct State {
        var progress: [JobProgress] = []
        var events: [JobEvent] = []
        var steps: [String: JSONValue] = [:]
        var stopsAfter = Int.max
        var tokens: [JobEvent] = []
    }

    let jobID = JobID()
    private let state = Mutex(State())

    var progress: [JobProgress] { state.withLock { $0.progress } }
    var events: [JobEvent] { state.withLock { $0.events } }
    var steps: [String: JSONValue] { state.withLock { $0.steps } }
    /// What was told to those who listen, piece by piece.
    var tokens: [JobEvent] { state.withLock { $0.tokens } }
    var streamedText: String { tokens.compactMap { $0.fields["text"]?.string }.joined() }

    /// The next reports but `count` are refused, as after a loss of the lease; nil ends that.
    func lose(after count: Int?) {
        state.withLock { $0.stopsAfter = count.map { [events = $0.events.count] in events + $0 } ?? .max }
    }

    func report(_ event: JobEvent, progress: JobProgress?) async throws(JobFailure) {
        let isLost = state.withLock { state in
            guard state.events.count < state.stopsAfter else { return true }
            state.events.append(event)
            if let progress { state.progress.append(progress) }
            return false
        }
        if isLost { throw .lost }
    }

    func murmur(_ event: JobEvent) { state.withLock { $0.tokens.append(event) } }

    func result(ofStep name: String) async throws(JobFailure) -> JSONValue? { state.withLock { $0.steps[name] } }

    func store(_ result: JSONValue, ofStep name: String) async throws(JobFailure) {
        state.withLock { $0.steps[name] = result }
    }
}

/// A site on this machine: what is not listed is 404.
struct Site {
    let server: StubHTTPServer
    var url: String { server.url + "/" }

    init(_ pages: [String: StubResponse]) async throws {
        server = try await StubHTTPServer { pages[$0.path] ?? .text("not here", status: 404) }
    }

    init(_ answer: @escaping StubHTTPServer.Handler) async throws {
        server = try await StubHTTPServer(answer)
    }

    /// How often each path was asked for, the files around the site aside.
    var asked: [String: Int] {
        server.requests.map(\.path).filter { $0 != "/robots.txt" && $0 != "/sitemap.xml" }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    static func page(_ name: String, links: [String] = [], head: String = "") -> StubResponse {
        let list = links.map { "<li><a href='\($0)'>\($0)</a>" }.joined()
        return .html(
            "<html><head><title>\(name)</title>\(head)</head><body><nav><ul>\(list)</ul></nav><main><h1>\(name)</h1><p>These are the words of page \(name).</p></main>"
        )
    }

    static func redirect(_ target: String) -> StubResponse { .answer(302, headers: [("Location", target)]) }
}

extension JSONValue {
    func number(_ name: String) -> Int? { self[name]?.integer }
    /// How many pages were skipped for a reason.
    func skips(_ reason: String) -> Int { self["skipped_by_reason"]?[reason]?.integer ?? 0 }
}
