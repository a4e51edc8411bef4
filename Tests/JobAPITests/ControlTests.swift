import JobDesk
import JobModel
import JobQueue
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct ControlTests {
    private func put(_ api: RunningAPI, _ path: String, _ body: String) async throws -> RunningAPI.Answer {
        try await api.send("PUT", path, ["Content-Type": "application/json"], body: Array(body.utf8))
    }

    @Test func aLimitIsSetShownAndRemoved() async throws {
        try await withAPI { api in
            let set = try await put(api, "/limits/kind/web_crawl", #"{"concurrency":2,"rate":{"count":30,"per_seconds":60}}"#)
            let expected: JSONValue = [
                "scope": "kind", "name": "web_crawl", "concurrency": 2, "rate": ["count": 30, "per_seconds": 60, "burst": 30],
            ]
            #expect(set.status == 200)
            #expect(set.json == expected)
            let key = try await put(api, "/limits/key/tenant%2F7", #"{"weight":3}"#)
            #expect(key.json == ["scope": "key", "name": "tenant/7", "concurrency": 1, "weight": 3])
            #expect(try await api.get("/limits").json["limits"]?.array == [key.json, expected])
            #expect(try await api.desk.queue.limits().count == 2)
            #expect(try await put(api, "/limits/kind/web_crawl", #"{"concurrency":5}"#).json["rate"] == nil)
            #expect(try await api.send("DELETE", "/limits/kind/web_crawl").status == 204)
            #expect(try await api.send("DELETE", "/limits/kind/web_crawl").problem == "unknown-limit")
            #expect(try await api.get("/limits").json["limits"]?.array?.count == 1)
        }
    }

    static let bad: [(String, String, Int, String)] = [
        ("/limits/kind/none", #"{"concurrency":1}"#, 404, "unknown-kind"),
        ("/limits/queue/none", #"{"concurrency":1}"#, 404, "unknown-queue"),
        ("/limits/planet/earth", #"{"concurrency":1}"#, 404, "unknown-route"),
        ("/limits/key/a%20b", #"{"concurrency":1}"#, 422, "invalid-input"),
        ("/limits/key/%zz", #"{"concurrency":1}"#, 422, "invalid-input"), ("/limits/key/%00", #"{"concurrency":1}"#, 422, "invalid-input"),
        ("/limits/key/\(String(repeating: "k", count: 201))", #"{"concurrency":1}"#, 422, "invalid-input"),
        ("/limits/key/k", "{}", 422, "invalid-input"), ("/limits/key/k", #"{"concurrency":0}"#, 422, "invalid-input"),
        ("/limits/key/k", #"{"rate":{"count":1}}"#, 422, "invalid-input"), ("/limits/queue/ingest", #"{"weight":2}"#, 422, "invalid-input"),
        ("/limits/key/k", #"{"rate":{"count":1,"per_seconds":0}}"#, 422, "invalid-input"), ("/limits/key/k", "", 400, "empty-body"),
    ]

    @Test func senselessLimitsAreRefused() async throws {
        try await withAPI { api in
            for (path, body, status, problem) in ControlTests.bad {
                let answer = try await put(api, path, body)
                #expect(answer.status == status, "\(path) \(body)")
                #expect(answer.problem == problem, "\(path) \(body)")
            }
            #expect(try await api.get("/limits").json["limits"]?.array == [])
        }
    }

    @Test func aQueueIsPausedAndResumed() async throws {
        try await withAPI { api in
            let paused = try await api.post("/queues/ingest/pause", ["by": "ada"])
            #expect(paused.status == 200)
            #expect(paused.json["paused"] == true)
            #expect(paused.json["paused_by"] == "ada")
            _ = try await api.post("/jobs", RunningAPI.crawl)
            let again = try await api.send("POST", "/queues/ingest/pause")
            #expect(again.json["paused_by"] == "ada")
            #expect(again.json["paused_at"] == paused.json["paused_at"])
            #expect(again.json["waiting"] == 1)
            for _ in 0..<2 {
                let resumed = try await api.send("POST", "/queues/ingest/resume")
                #expect(resumed.json["paused"] == false)
                #expect(resumed.json["paused_at"] == nil)
            }
            #expect(try await api.send("POST", "/queues/none/pause").problem == "unknown-queue")
            #expect(try await api.post("/queues/ingest/pause", ["by": 7]).status == 422)
        }
    }

    @Test func aScheduledJobIsPromotedOnce() async throws {
        try await withAPI { api in
            let later = try await api.post("/jobs", ["kind": "note", "input": ["text": "t"], "delay": 3600])
            let id = try #require(later.jobID)
            #expect(try await api.send("POST", "/jobs/\(id)/promote").json["status"] == "queued")
            let again = try await api.send("POST", "/jobs/\(id)/promote")
            #expect(again.status == 409)
            #expect(again.problem == "not-scheduled")
            #expect(again.json["job_status"] == "queued")
            #expect(try await api.send("POST", "/jobs/\(JobID())/promote").status == 404)
        }
    }

    @Test func aSecondUniqueJobIsAnsweredWithTheFirst() async throws {
        try await withAPI { api in
            let body: JSONValue = ["kind": "note", "input": ["text": "t"], "unique": ["key": "k", "window_seconds": 3600]]
            let first = try await api.post("/jobs", body)
            #expect(first.status == 202)
            #expect(first.headers["unique-replayed"] == nil)
            let second = try await api.post("/jobs", body)
            #expect(second.status == 202)
            #expect(second.headers["unique-replayed"] == "true")
            #expect(second.jobID == first.jobID)
            let worker = try await HandWorker(api)
            try await worker.finish(try await worker.startNext(), as: .completed(["said": "t"]))
            let third = try await api.post("/jobs", body)
            #expect(third.status == 200)
            #expect(third.json["result"] == ["said": "t"])
            #expect(third.headers["unique-replayed"] == "true")
        }
    }

    @Test func theOptionsOfAJobAreShown() async throws {
        try await withAPI { api in
            let options: [String: JSONValue] = [
                "backoff": ["base_seconds": 1.5, "cap_seconds": 60], "unique": ["key": "k", "while": "queued"],
                "concurrency_key": "tenant-7",
                "description": "D",
            ]
            let body = options.merging(RunningAPI.crawl.object ?? [:]) { $1 }
            let id = try #require(try await api.post("/jobs", .object(body)).jobID)
            let document = try await api.get("/jobs/\(id)").json
            for (name, value) in options { #expect(document[name] == value, "\(name)") }
        }
    }
}
