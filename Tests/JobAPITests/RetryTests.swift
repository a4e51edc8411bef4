import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    private func failOne(_ api: RunningAPI, _ worker: HandWorker, as type: String = "http_404") async throws -> JobID {
        let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
        try await worker.finish(try await worker.startNext(), as: .failed(.permanent("It is gone", type: type)))
        return id
    }

    @Test func aFailedJobIsQueuedAgain() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try await failOne(api, worker)
            let answer = try await api.send("POST", "/jobs/\(id)/retry")
            #expect(answer.status == 202)
            #expect(answer.headers["location"] == "/jobs/\(id)")
            #expect(answer.json["status"] == "queued")
            #expect(answer.json["error"] == nil)
            #expect(try await api.send("POST", "/jobs/\(id)/retry").status == 202)
            let claim = try await worker.startNext()
            #expect(claim.attempt == 2)
            try await worker.finish(claim, as: .completed([:]))
            let refused = try await api.send("POST", "/jobs/\(id)/retry")
            #expect(refused.status == 409)
            #expect(refused.problem == "not-retryable")
            #expect(try await api.send("POST", "/jobs/\(JobID())/retry").status == 404)
        }
    }

    @Test func manyAreRetriedOnlyByTheirNumber() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            for _ in 0..<2 { _ = try await failOne(api, worker) }
            let other = try await failOne(api, worker, as: "timeout")
            let filter: JSONValue = ["error_type": "http_404", "kind": "web_crawl,document"]
            let asked = try await api.post("/dead-letters/retry", filter)
            #expect(asked.status == 200)
            #expect(asked.json["matching"] == 2)
            #expect(asked.json["send"] == ["error_type": "http_404", "kind": "web_crawl,document", "count": 2])
            let wrong = try await api.post("/dead-letters/retry", ["error_type": "http_404", "count": 3])
            #expect(wrong.status == 409)
            #expect(wrong.problem == "other-count")
            #expect(wrong.json["matching"] == 2)
            #expect(try await api.get("/dead-letters").json["count"] == 3, "nothing was changed so far")
            let done = try await api.post("/dead-letters/retry", asked.json["send"] ?? [:])
            #expect(done.status == 202)
            #expect(done.json == ["retried": 2, "remaining": 0])
            #expect(try await api.get("/dead-letters").json["dead_letters"]?.array?.first?["job_id"] == .string(other.description))
            #expect(try await api.get("/jobs?status=queued").json["count"] == 2)
        }
    }

    @Test(
        arguments: [
            (["kind": "nothing"], "#/kind"), (["since": "yesterday"], "#/since"), (["count": -1], "#/count"), (["all": true], "#/all"),
            (["kind": 7], "#/kind"),
        ] as [(JSONValue, String)])
    func badFilters(body: JSONValue, pointer: String) async throws {
        try await withAPI { api in
            let answer = try await api.post("/dead-letters/retry", body)
            #expect(answer.status == 422)
            #expect(answer.json["errors"]?.array?.first?["pointer"] == .string(pointer))
        }
    }
}
