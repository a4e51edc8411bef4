import JobDesk
import JobModel
import JobQueue
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct QueuesTests {
    @Test func aMixedRunIsCounted() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let outcomes: [JobOutcome] = [
                .completed([:]), .completed([:]), .failed(.permanent("x", type: "x")), .cancelled(.cancelled),
                .retry(.retry("busy", type: "busy"), afterMilliseconds: 3_600_000),
            ]
            for outcome in outcomes {
                _ = try await api.post("/jobs", RunningAPI.crawl)
                try await worker.finish(try await worker.startNext(), as: outcome)
            }
            for priority in ["urgent", "low", "low"] {
                _ = try await api.post(
                    "/jobs", ["kind": "web_crawl", "input": ["url": "https://example.com/"], "priority": .string(priority)])
            }
            _ = try await worker.startNext()
            _ = try await api.post("/jobs", ["kind": "web_crawl", "input": ["url": "https://example.com/"], "delay": 3600])
            let queue = try await api.get("/queues/ingest").json
            for (name, value) in [
                ("accepted", 9), ("completed", 2), ("failed", 1), ("cancelled", 1), ("retried", 1), ("waiting", 2), ("pending", 2),
                ("running", 1), ("due", 0), ("scheduled", 2), ("parked", 0), ("suspects", 0), ("reclaimed", 0),
            ] as [(String, Int64)] {
                #expect(queue[name] == .integer(value), "\(name)")
            }
            #expect(queue["waiting_by_priority"] == ["urgent": 0, "high": 0, "medium": 0, "low": 2])
            #expect(queue["paused"] == false)
            #expect(queue["scheduled_estimated"] == false)
            let other = try await api.get("/queues").json["queues"]?.array?.first { $0["queue"] == "models" }
            #expect(other?["accepted"] == 0)
            #expect(other?["scheduled"] == 0)
            let health = try await api.get("/health").json["queues"]?.array?.first
            #expect(health?["completed"] == 2)
            #expect(health?["failed"] == 1)
        }
    }

    @Test func theOldestWaitingJobSetsTheAge() async throws {
        try await withAPI { api in
            #expect(try await api.get("/queues/ingest").json["oldest_age_seconds"] == 0)
            // An entry of two minutes ago, and one that a worker has taken since.
            let worker = try await HandWorker(api)
            _ = try await api.post("/jobs", RunningAPI.crawl)
            _ = try await worker.startNext()
            #expect(try await api.get("/queues/ingest").json["oldest_age_seconds"] == 0, "a running job does not wait")
            _ = try await api.post("/jobs", RunningAPI.crawl)
            var age = 0.0
            for _ in 0..<200 where age < 0.2 { age = try await api.get("/queues/ingest").json["oldest_age_seconds"]?.number ?? 0 }
            #expect(age >= 0.2)
        }
    }

    @Test func aPausedQueueSaysSo() async throws {
        try await withAPI { api in
            try await api.desk.queue.pause("ingest")
            #expect(try await api.get("/queues/ingest").json["paused"] == true)
            #expect(try await api.get("/queues/models").json["paused"] == false)
        }
    }

    @Test func scalingCountsWhatRunsAndWaits() async throws {
        try await withAPI { settings in
            settings.scaling.latencySeconds = 100
        } _: { api in
            #expect(try await api.get("/queues/ingest/scaling").json["desired"] == 0)
            let worker = try await HandWorker(api)
            for _ in 0..<5 { _ = try await api.post("/jobs", RunningAPI.crawl) }
            _ = try await worker.startNext()
            let scaling = try await api.get("/queues/ingest/scaling").json
            #expect(scaling["waiting"] == 4)
            #expect(scaling["running"] == 1)
            #expect(scaling["backlog"] == 5)
            #expect(scaling["workers"] == 1)
            #expect(scaling["slots"] == 2)
            // The kinds expect 200 s and 60 s: 5 × 130 s in 100 s need 7 slots, but there are only 5 jobs: 3 workers of 2 slots.
            #expect(scaling["mean_seconds"] == 130)
            #expect(scaling["desired"] == 3)
            #expect(try await api.get("/queues/none/scaling").problem == "unknown-queue")
            #expect(try await api.get("/queues/none").status == 404)
            let drained = try await api.send("POST", "/workers/\(worker.name)/drain")
            #expect(drained.status == 202 && drained.json["status"] == "draining")
            #expect(try await api.get("/workers").json["workers"]?.array?.first?["draining"] == true)
            #expect(try await api.send("POST", "/workers/nobody/drain").problem == "unknown-worker")
            #expect(try await api.get("/workers").json["workers"]?.array?.first?["name"] == .string(worker.name))
        }
    }

    @Test(
        arguments: [
            // waiting, due, running, parked, paused, workers, slots, mean ms → desired
            (0, 0, 0, 0, false, 0, 0, 60_000, 0), (1, 0, 0, 0, false, 0, 0, 1, 1), (0, 1, 0, 0, false, 0, 0, 0, 1),
            (0, 0, 1, 0, false, 1, 4, 60_000, 1), (0, 0, 0, 3, false, 0, 0, 60_000, 1), (100, 0, 0, 0, false, 2, 8, 60_000, 25),
            (100, 0, 20, 0, false, 2, 8, 6_000, 5), (1_000_000, 0, 0, 0, false, 1, 1, 60_000, 50), (100, 0, 4, 0, true, 1, 4, 60_000, 1),
            (100, 0, 0, 0, true, 0, 0, 60_000, 1), (10, 0, 0, 0, false, 0, 0, 600_000, 3),
            (Int.max / 4, 0, 0, 0, false, 1, 1, Int64.max / 2, 50),
        ] as [(Int, Int, Int, Int, Bool, Int, Int, Int64, Int)])
    func desired(
        waiting: Int, due: Int, running: Int, parked: Int, paused: Bool, workers: Int, slots: Int, mean: Int64, expected: Int
    ) {
        var scaling = QueueScaling()
        scaling.waiting = waiting
        scaling.due = due
        scaling.running = running
        scaling.parked = parked
        scaling.isPaused = paused
        scaling.workers = workers
        scaling.slots = slots
        scaling.meanMilliseconds = mean
        #expect(scaling.desired(latencyMilliseconds: 60_000, standardSlots: 4, most: 50) == expected)
    }
}
