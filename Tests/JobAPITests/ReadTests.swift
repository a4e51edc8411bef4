import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct ReadTests {
    @Test func theDocumentFollowsTheJobToItsEnd() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let queued = try await api.get("/jobs/\(id)").json
            #expect(queued["status"] == "queued")
            #expect(queued["remaining_seconds"] == 200)
            #expect(queued["metadata"] == ["source_type": "web_crawl", "source_uri": "https://example.com/"])

            let claim = try await worker.startNext()
            try await worker.progress(45, of: claim)
            let running = try await api.get("/jobs/\(id)").json
            #expect(running["status"] == "processing")
            #expect(running["progress"] == 45)
            #expect(running["step"] == "fetch")
            #expect(running["message"] == "page 45")
            #expect(running["attempt"] == 1)
            #expect(running["started_at"]?.string.flatMap { Timestamp(rfc3339: $0) } != nil)
            #expect(running["events"]?.array?.compactMap { $0["event"]?.string } == ["queued", "started", "progress"])

            try await worker.finish(claim, as: .completed(["pages_crawled": 5]))
            let ended = try await api.get("/jobs/\(id)").json
            #expect(ended["status"] == "completed")
            #expect(ended["progress"] == 100)
            #expect(ended["result"] == ["pages_crawled": 5])
            #expect(ended["completed_at"]?.string != nil)
            #expect(ended["remaining_seconds"] == nil)
            #expect(ended["events"]?.array?.last?["event"] == "completed")
            #expect(ended["events"]?.array?.last?["result"] == nil)
        }
    }

    @Test func aFailedJobTellsWhy() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let running = try await api.get("/jobs/\(id)/result")
            #expect(running.status == 409)
            #expect(running.problem == "not-finished")
            try await worker.finish(try await worker.startNext(), as: .failed(.permanent("It is gone", type: "http_404")))
            let document = try await api.get("/jobs/\(id)").json
            #expect(document["status"] == "failed")
            #expect(document["error"] == "It is gone")
            #expect(document["error_type"] == "http_404")
            #expect(document["failed_at"]?.string != nil)
            let result = try await api.get("/jobs/\(id)/result")
            #expect(result.status == 409)
            #expect(result.problem == "job-failed")
            #expect(result.json["detail"] == "It is gone")
            #expect(result.json["error_type"] == "http_404")
        }
    }

    @Test func theResultAlone() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]]).jobID)
            try await worker.finish(try await worker.startNext(), as: .completed(["said": "t"]))
            let answer = try await api.get("/jobs/\(id)/result")
            #expect(answer.status == 200)
            #expect(answer.json == ["said": "t"])
        }
    }

    @Test func pollersThatKnowTheStateGet304UntilItChanges() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let tag = try #require(try await api.get("/jobs/\(id)").headers["etag"])
            let unchanged = try await api.get("/jobs/\(id)", ["If-None-Match": "\"x\", \(tag)"])
            #expect(unchanged.status == 304)
            #expect(unchanged.headers["etag"] == tag)
            _ = try await worker.startNext()
            let changed = try await api.get("/jobs/\(id)", ["If-None-Match": tag])
            #expect(changed.status == 200)
            #expect(changed.headers["etag"] != tag)
            #expect(changed.headers["cache-control"] == "private, no-cache")
        }
    }

    @Test func aPollThatPrefersToWaitIsHeldUntilTheNextEvent() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let tag = try #require(try await api.get("/jobs/\(id)").headers["etag"])
            async let held = api.get("/jobs/\(id)", ["Prefer": "wait=30", "If-None-Match": tag])
            _ = try await worker.startNext()
            let answer = try await held
            #expect(answer.status == 200)
            #expect(answer.json["status"] == "processing")
            #expect(answer.headers["preference-applied"] == "wait=30")
        }
    }

    @Test func aPollThatWaitedInVainSaysSo() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let tag = try #require(try await api.get("/jobs/\(id)").headers["etag"])
            #expect(try await api.get("/jobs/\(id)", ["Prefer": "wait=1", "If-None-Match": tag]).status == 304)
            #expect(try await api.get("/jobs/\(id)", ["Prefer": "wait=soon"]).headers["preference-applied"] == nil)
        }
    }

    @Test func headIsGetWithoutABody() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let answer = try await api.send("HEAD", "/jobs/\(id)")
            #expect(answer.status == 200)
            #expect(answer.headers["etag"] != nil)
        }
    }
}
