import JobAPI
import JobDesk
import JobModel
import JobRunner
import Logging
import ServiceLifecycle
import TestServers
import Testing

/// An API with a stock worker that runs none of the jobs and has the duties of all: it recovers what dead workers held.
struct WorkFixture: Sendable {
    static let greet: JSONValue = [
        "kind": "greet", "summary": "Greets somebody", "queue": "greetings", "max_attempts": 2, "backoff": ["base_seconds": 0.001],
        "input_schema": [
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": ["name": ["type": "string", "maxLength": 50], "times": ["type": "integer", "minimum": 1, "default": 1]],
        ],
    ]

    let api: RunningAPI

    static func run(lease: Duration = .seconds(7), _ test: (WorkFixture) async throws -> Void) async throws {
        try await withAPI { (api) async throws in
            var settings = RunnerSettings(queues: ["ingest"])
            settings.lease = lease
            settings.reapInterval = .milliseconds(50)
            settings.promoteInterval = .milliseconds(20)
            settings.drainGrace = .milliseconds(10)
            let runner = Runner(desk: api.desk, handlers: [], settings: settings, logger: quiet)
            async let running: Void = runner.run()
            let outcome = await Result { try await test(WorkFixture(api: api)) }
            runner.drain()
            await running
            try outcome.get()
        }
    }

    func register(_ changes: [String: JSONValue] = [:]) async throws {
        let kind = JSONValue.object((WorkFixture.greet.object ?? [:]).merging(changes) { $1 })
        let answer = try await api.post("/kinds", ["kinds": [kind]])
        #expect(answer.status == 200, "\(answer.json)")
    }

    func submit(_ name: String = "Ada", kind: String = "greet", _ options: [String: JSONValue] = [:]) async throws -> String {
        let body: [String: JSONValue] = ["kind": .string(kind), "input": ["name": .string(name)]]
        let answer = try await api.post("/jobs", .object(body.merging(options) { $1 }))
        #expect(answer.status == 202, "\(answer.json)")
        return answer.json["job_id"]?.string ?? ""
    }

    func claim(_ options: [String: JSONValue] = [:], on other: RunningAPI? = nil) async throws -> [Taken] {
        let body: [String: JSONValue] = ["worker": "test", "kinds": ["greet"]]
        let answer = try await (other ?? api).post("/work/claim", .object(body.merging(options) { $1 }))
        #expect(answer.status == 200, "\(answer.json)")
        return answer.json["jobs"]?.array?.map { Taken(api: other ?? api, document: $0) } ?? []
    }

    /// The next job, as soon as there is one.
    func take(_ options: [String: JSONValue] = [:]) async throws -> Taken {
        try #require(try await claim(["wait": 20].merging(options) { $1 }).first)
    }

    func status(_ job: String) async throws -> String? {
        try await api.get("/jobs/\(job)").json["status"]?.string
    }

    /// Another API process over the same stores.
    func withReplica(_ test: (RunningAPI) async throws -> Void) async throws {
        let desk = JobDesk(queue: api.desk.queue, ledger: api.desk.ledger, catalogue: RunningAPI.catalogue, logger: quiet)
        var settings = JobServerSettings()
        settings.port = 0
        let server = JobServer(desk: desk, settings: settings, logger: quiet)
        let services = ServiceGroup(configuration: ServiceGroupConfiguration(services: [.init(service: server)], logger: quiet))
        async let serving: Void = services.run()
        let port = await server.port ?? 0
        let outcome = await Result {
            try await test(
                RunningAPI(
                    port: port, desk: desk, pool: api.pool, shutDown: { await services.triggerGracefulShutdown() }, forget: { _ in }))
        }
        await services.triggerGracefulShutdown()
        try await serving
        try outcome.get()
    }
}

/// A job that an HTTP worker took.
struct Taken: Sendable {
    let api: RunningAPI
    let document: JSONValue

    var id: String { document["job_id"]?.string ?? "" }
    var lease: String { document["lease"]?.string ?? "" }

    func say(_ what: String, _ body: JSONValue = [:], to other: RunningAPI? = nil) async throws -> RunningAPI.Answer {
        try await (other ?? api).post("/work/\(lease)/\(what)", body)
    }

    func settle(_ body: JSONValue, to other: RunningAPI? = nil) async throws -> RunningAPI.Answer {
        try await say("settle", body, to: other)
    }

    /// Beats until `body` has ended.
    func beating(_ body: () async throws -> Void) async throws {
        let beats = Task {
            while !Task.isCancelled {
                _ = try? await say("heartbeat")
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        defer { beats.cancel() }
        try await body()
    }
}
