import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct CancelTests {
    @Test func aQueuedJobIsCancelledAtOnce() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let answer = try await api.send("POST", "/jobs/\(id)/cancel")
            #expect(answer.status == 200)
            #expect(answer.json["status"] == "cancelled")
            #expect(try await api.send("POST", "/jobs/\(id)/cancel").status == 200)
            #expect(try await api.get("/jobs/\(id)/result").problem == "job-cancelled")
        }
    }

    @Test func aRunningJobIsTold() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            let answer = try await api.send("POST", "/jobs/\(id)/cancel")
            #expect(answer.status == 202)
            #expect(answer.json["status"] == "processing")
            #expect(answer.json["cancel_requested"] == true)
            try await worker.finish(claim, as: .cancelled(.cancelled))
            #expect(try await api.get("/jobs/\(id)").json["status"] == "cancelled")
        }
    }

    @Test func aJobThatEndedOtherwiseIsAConflict() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            try await worker.finish(try await worker.startNext(), as: .completed([:]))
            let answer = try await api.send("POST", "/jobs/\(id)/cancel")
            #expect(answer.status == 409)
            #expect(answer.problem == "already-ended")
            #expect(answer.json["job_status"] == "completed")
        }
    }

    @Test func anUnknownJobIs404() async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.send("POST", "/jobs/\(JobID())/cancel").status == 404)
        }
    }
}
