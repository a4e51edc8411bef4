import JobDesk
import JobLedger
import JobModel
import JobQueue
import Logging
import PostgresWire
import PrivateServers
import RedisWire
import ServiceLifecycle
import TestServers

@testable import JobAPI

/// A real server on a port of its own, over a real Redis (own prefix) and a real PostgreSQL (own database).
struct RunningAPI: Sendable {
    let port: Int
    let desk: JobDesk
    let pool: PostgresPool
    let shutDown: @Sendable () async -> Void
    /// Makes Redis lose what it knows of a job.
    let forget: @Sendable (JobID) async throws -> Void

    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]

        var json: JSONValue { (try? JSONReader.read(body, depth: 256)) ?? .null }
        /// Last part of a problem's type.
        var problem: String? { json["type"]?.string?.split(separator: ":").last.map(String.init) }
        var jobID: JobID? { json["job_id"]?.string.flatMap { JobID($0) } }
    }

    func send(_ method: String, _ path: String, _ headers: [String: String] = [:], body: [UInt8] = []) async throws -> Answer {
        let connection = try await RawConnection.open(port)
        try await connection.send(Array(RunningAPI.head(method, path, headers, length: body.count).utf8) + body)
        let head = try await connection.head()
        let bytes = method == "HEAD" || head.status == 304 || head.status == 204 ? [] : try await connection.body(head.headers)
        return Answer(status: head.status, headers: head.headers, body: bytes)
    }

    func get(_ path: String, _ headers: [String: String] = [:]) async throws -> Answer {
        try await send("GET", path, headers)
    }

    func post(_ path: String, _ json: JSONValue, _ headers: [String: String] = [:]) async throws -> Answer {
        try await post(path, text: json.serialized, headers)
    }

    func post(_ path: String, text: String, _ headers: [String: String] = [:]) async throws -> Answer {
        try await send("POST", path, ["Content-Type": "application/json"].merging(headers) { $1 }, body: Array(text.utf8))
    }

    /// Sends nothing but the head, as it is said to be.
    static func head(_ method: String, _ path: String, _ headers: [String: String] = [:], length: Int = 0) -> String {
        var lines = ["\(method) \(path) HTTP/1.1"]
        if headers["Host"] == nil { lines.append("Host: localhost") }
        lines += headers.map { "\($0.key): \($0.value)" }
        if length > 0, headers["Content-Length"] == nil { lines.append("Content-Length: \(length)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }
}

extension RunningAPI {
    static let catalogue = JobCatalogue([
        JobKind(
            name: "web_crawl", summary: "crawls", queue: "ingest",
            input: InputShape([
                .init("url", .url, required: true, "start"), .init("max_pages", .integer(1...10_000), standard: 10, "pages"),
                .init("allow_domains", .texts(maxCount: 100, maxLength: 255), standard: [], "domains"),
            ]), estimatedMilliseconds: 200_000),
        JobKind(
            name: "document", summary: "ingests", queue: "ingest",
            input: InputShape([
                .init("uri", .text(maxLength: 8192), required: true, "document"), .init("doc_type", .text(maxLength: 10), "type"),
            ])),
        JobKind(
            name: "note", summary: "is not recorded", queue: "models",
            input: InputShape([.init("text", .text(maxLength: 100), required: true, "text")]), isRecorded: false,
            estimatedMilliseconds: 2_000),
        JobKind(
            name: "presentation", summary: "makes decks", queue: "presentations",
            input: InputShape([
                .init("topic", .text(maxLength: 2_000), required: true, "topic"),
                .init("n_slides", .integer(1...100), standard: 5, "slides"),
                .init("user_id", .text(maxLength: 200), "for whom"),
            ]), estimatedMilliseconds: 960_000),
    ])

    /// What a submission looks like that every test may use.
    static let crawl: JSONValue = ["kind": "web_crawl", "input": ["url": "https://example.com/"]]
}

let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

/// What the API searches documents with.
struct SearchMaker {
    let make: (JobDesk, PostgresPool) -> any DocumentSearch
}

/// Starts the server, runs the test, and shuts everything down in order.
func withAPI(
    redis: PrivateRedis? = nil, postgres: PrivatePostgres? = nil, catalogue: JobCatalogue = RunningAPI.catalogue,
    search: SearchMaker? = nil,
    _ adjust: (inout JobServerSettings) -> Void = { _ in },
    _ test: (RunningAPI) async throws -> Void
) async throws {
    let redisURL: String
    if let redis { redisURL = redis.url } else { redisURL = try await TestRedis.shared().url }
    let postgresURL = try await database(on: postgres)
    let address = try RedisAddress(url: redisURL)
    let queue = JobQueue(address, prefix: TestRedis.uniquePrefix(), options: RedisOptions(commandTimeout: .seconds(2)), logger: quiet)
    let pool = PostgresPool(PostgresOptions(url: postgresURL), logger: quiet)
    var desk = JobDesk(queue: queue, ledger: JobLedger(pool, logger: quiet), catalogue: catalogue, logger: quiet)
    desk.refusalOfReceiver = { $0.hasPrefix("https://") ? nil : "must be an https URL" }
    let made = desk
    var settings = JobServerSettings()
    settings.port = 0
    adjust(&settings)
    let server = JobServer(desk: made, search: search?.make(made, pool), settings: settings, logger: quiet)
    let services = ServiceGroup(configuration: ServiceGroupConfiguration(services: [.init(service: server)], logger: quiet))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await services.run() }
        let port = await server.port ?? 0
        let outcome = await Result {
            try await test(
                RunningAPI(
                    port: port, desk: made, pool: pool, shutDown: { await services.triggerGracefulShutdown() },
                    forget: { try await forget($0, queue, address) }))
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        try outcome.get()
    }
    await queue.close()
    await pool.close()
}

private func forget(_ id: JobID, _ queue: JobQueue, _ address: RedisAddress) async throws {
    let redis = RedisConnection(address, logger: quiet)
    _ = try await redis.command(["DEL", .string(queue.keys.job(id)), .string(queue.keys.log(id))])
    await redis.close()
}

/// The address of a migrated database: a copy on the shared server, or the only one of a server to break.
private func database(on server: PrivatePostgres?) async throws -> String {
    if let server {
        try await migrate(server.url)
        return server.url
    }
    return try await TestPostgres.freshDatabase(preparedAs: "api") { try await migrate($0) }
}

private func migrate(_ url: String) async throws {
    let pool = PostgresPool(PostgresOptions(url: url), logger: quiet)
    _ = try await JobLedger.migrate(pool, logger: quiet)
    await pool.close()
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
