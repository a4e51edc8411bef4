import JobDesk
import JobModel
import JobQueue
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct HealthTests {
    @Test func theDocumentShowsStoresWorkersAndQueues() async throws {
        try await withAPI { api in
            #expect(try await api.get("/health").json["status"] == "degraded")
            let worker = try await HandWorker(api)
            for _ in 0..<2 { _ = try await api.post("/jobs", RunningAPI.crawl) }
            _ = try await worker.startNext()
            let answer = try await api.get("/health")
            #expect(answer.status == 200)
            #expect(answer.json["status"] == "healthy")
            let components = answer.json["components"]
            #expect(components?["redis"]?["status"] == "healthy")
            #expect(components?["postgres"]?["status"] == "healthy")
            #expect(components?["workers"]?["alive"] == 1)
            #expect(
                components?["jobQueue"]?["statistics"] == [
                    "total": 2, "pending": 1, "running": 1, "completed": 0, "failed": 0, "cancelled": 0, "maxConcurrent": 2,
                ])
            #expect(answer.json["queues"]?.array?.first == ["queue": "ingest", "waiting": 1, "running": 1, "completed": 0, "failed": 0])
        }
    }

    @Test func dutiesAreShownForEachWorker() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            #expect(try await api.get("/health").json["components"]?["duties"]?["status"] == "degraded")
            let fine: JSONValue = [
                "name": "reap", "interval_ms": 500, "runs": 3, "failures": 0, "last_success": "2026-01-01T00:00:00.000Z",
            ]
            let broken: JSONValue = ["name": "retain", "runs": 1, "failures": 1, "error": "PostgreSQL is away"]
            try await api.desk.queue.publishDuties(of: worker.name, leads: true, [fine, broken], for: .seconds(60))
            var json = JSONValue.null
            try await eventually {
                try await worker.beat()
                json = try await api.get("/health").json
                return json["duties"]?.array?.isEmpty == false
            }
            #expect(json["duties"] == [["worker": .string(worker.name), "leader": true, "duties": [fine, broken]]])
            let summary = json["components"]?["duties"]
            #expect(summary?["status"] == "degraded" && summary?["leader"] == .string(worker.name))
            #expect(summary?["failing"] == [["worker": .string(worker.name), "name": "retain", "error": "PostgreSQL is away"]])
            try await api.desk.queue.publishDuties(of: worker.name, leads: true, [fine], for: .seconds(60))
            #expect(try await api.get("/health").json["components"]?["duties"]?["status"] == "healthy")
        }
    }

    @Test func workersAreListed() async throws {
        try await withAPI { api in
            #expect(try await api.get("/health/workers").json["status"] == "unhealthy")
            let worker = try await HandWorker(api)
            let answer = try await api.get("/health/workers")
            #expect(answer.json["alive"] == 1)
            #expect(answer.json["slots"] == 2)
            let card = answer.json["workers"]?.array?.first
            #expect(card?["name"] == .string(worker.name))
            #expect(card?["status"] == "alive")
            #expect(card?["queues"] == ["ingest", "models", "presentations"])
        }
    }

    @Test func aPortThatIsTakenIsToldWithWhatToDo() async throws {
        try await withAPI { api in
            var settings = JobServerSettings()
            settings.port = api.port
            let second = JobServer(desk: api.desk, settings: settings, logger: quiet)
            let error = await #expect(throws: CannotListen.self) { try await second.run() }
            #expect(error?.description.contains("Cannot listen on 127.0.0.1:\(api.port)") == true)
            #expect(await second.port == nil)
        }
    }

    @Test func aServerThatDrainsSaysItIsNotReadyAndStillAnswers() async throws {
        try await withAPI { settings in
            settings.drain = .seconds(2)
        } _: { api in
            #expect(try await api.get("/readyz").json["status"] == "ready")
            await api.shutDown()
            let answer = try await api.get("/readyz")
            #expect(answer.status == 503)
            #expect(answer.problem == "draining")
            #expect(try await api.post("/jobs", RunningAPI.crawl).status == 202)
        }
    }
}
