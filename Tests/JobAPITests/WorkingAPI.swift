import JobAPI
import JobDesk
import JobKinds
import JobLedger
import JobModel
import JobRunner
import Services
import TestServers
import Testing
import WebFetch

/// An API with a worker that runs the real kinds of the queue `models` against a stand-in Ollama over HTTP.
struct WorkingAPI: Sendable {
    let api: RunningAPI
    let ollama: StandInOllama

    static func run(
        _ models: [StandInModel], slots: Int = 4, at: @escaping @Sendable (StandInMoment) async -> Void = { _ in },
        _ test: (WorkingAPI) async throws -> Void
    ) async throws {
        let ollama = StandInOllama(models, at: at)
        let server = try await StubHTTPServer { await ollama.answer($0) }
        try await withAPI(catalogue: JobCatalogue(EveryKind.kinds)) { (api) async throws in
            let fetcher = Fetcher(guard: nil, userAgent: "test")
            let rooms = KindRooms(
                ledger: api.desk.ledger, fetcher: fetcher, models: Ollama(url: server.url, fetcher: fetcher),
                vectors: PostgresVectors(api.pool),
                embeddingModel: "all-minilm", userAgent: "test")
            var settings = RunnerSettings(queues: ["models"])
            settings.slots = slots
            settings.promoteInterval = .milliseconds(20)
            settings.drainGrace = .milliseconds(100)
            settings.stopGrace = .milliseconds(500)
            let runner = Runner(
                desk: api.desk, handlers: EveryKind.handlers(in: rooms), settings: settings, launchSuspects: nil, logger: quiet)
            async let running: Void = runner.run()
            let outcome = await Result { try await test(WorkingAPI(api: api, ollama: ollama)) }
            runner.drain()
            await running
            await fetcher.close()
            try outcome.get()
        }
    }

    /// A job in the words of the seeds, as it was accepted.
    func submit(_ body: JSONValue) async throws -> RunningAPI.Answer {
        let answer = try await api.post("/api/models/jobs", body)
        #expect(answer.status == 202, "\(answer.json)")
        return answer
    }

    /// The job's document once it has ended.
    func ended(_ submission: RunningAPI.Answer) async throws -> JSONValue {
        let id = try #require(submission.json["jobId"]?.string)
        return try await api.ended(id)
    }

    /// Its result; the job must have completed.
    func result(_ body: JSONValue) async throws -> JSONValue {
        let document = try await ended(submit(body))
        #expect(document["status"] == "completed", "\(document)")
        return document["result"] ?? .null
    }
}

extension RunningAPI {
    func ended(_ id: String) async throws -> JSONValue {
        let ends = ["completed", "failed", "cancelled"]
        var document = JSONValue.null
        try await eventually {
            document = try await get("/jobs/\(id)", ["Prefer": "wait=5"]).json
            return document["status"]?.string.map(ends.contains) ?? false
        }
        return document
    }
}
