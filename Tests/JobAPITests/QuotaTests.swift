import JobDesk
import JobLedger
import JobModel
import JobQueue
import PrivateServers
import RedisWire
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct QuotaTests {
    private func required(_ settings: inout JobServerSettings) { settings.callers = .required }

    @Test func aRateIsToldAndKept() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.read]) { $0.rate = Limit.Rate(count: 10, perMilliseconds: 36_000_000, burst: 2) }
            let first = try await api.get("/queues", key)
            #expect(first.headers["ratelimit-policy"] == "\"requests\";q=2;w=7200")
            #expect(first.headers["ratelimit"]?.hasPrefix("\"requests\";r=1;t=3") == true)
            // A refused request counts as well, and says what is left.
            #expect(try await api.post("/jobs", RunningAPI.crawl, key).status == 403)
            #expect(try await api.get("/nowhere", key).status == 404)
            let missing = try await api.get("/jobs/\(JobID())", key)
            #expect(missing.status == 404)
            #expect(missing.headers["ratelimit"]?.hasPrefix("\"requests\";r=0") == true)
            let refused = try await api.get("/queues", key)
            #expect(refused.status == 429)
            #expect(refused.problem == "quota-exceeded")
            #expect(refused.json["violated-policies"] == ["requests"])
            #expect(refused.headers["retry-after"].flatMap { Int($0) }.map { (3_000...3_600).contains($0) } == true)
            #expect(refused.headers["ratelimit"]?.hasPrefix("\"requests\";r=0") == true)
            let other = try await api.key([.read])
            let free = try await api.get("/queues", other)
            #expect(free.status == 200)
            #expect(free.headers["ratelimit-policy"] == nil)
        }
    }

    @Test func theDaysJobsAreChargedWhateverMakesThem() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.submit]) { $0.jobsADay = 4 }
            let one = try await api.post("/jobs", RunningAPI.crawl, key)
            #expect(one.status == 202)
            #expect(one.headers["ratelimit"]?.hasPrefix("\"jobs-a-day\";r=3;t=") == true)
            #expect(one.headers["ratelimit-policy"] == "\"jobs-a-day\";q=4;qu=\"jobs\";w=86400")
            let flow: JSONValue = ["jobs": .array((0..<4).map { ["name": .string("j\($0)"), "kind": "note", "input": ["text": "t"]] })]
            #expect(try await api.post("/flows", flow, key).json["violated-policies"] == ["jobs-a-day"])
            let batch = try await api.post("/jobs/batch", ["jobs": .array(Array(repeating: RunningAPI.crawl, count: 5))], key)
            #expect(batch.status == 202)
            #expect(batch.json["accepted"] == 3)
            #expect(batch.json["items"]?.array?.map { $0["status"]?.integer } == [202, 202, 202, 429, 429])
            let refused = try await api.post("/ingest-async", ["source_type": "web_crawl", "source_uri": "http://h/"], key)
            #expect(refused.status == 429)
            #expect(refused.json["violated-policies"] == ["jobs-a-day"])
            #expect(refused.headers["retry-after"].flatMap { Int($0) }.map { (1...86_400).contains($0) } == true)
        }
    }

    @Test func aRepeatedRequestIsNotChargedAgain() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.submit]) { $0.jobsADay = 1 }
            let once = key.merging(["Idempotency-Key": "k"]) { $1 }
            let first = try await api.post("/jobs", RunningAPI.crawl, once)
            #expect(first.status == 202)
            let again = try await api.post("/jobs", RunningAPI.crawl, once)
            #expect(again.status == 202)
            #expect(again.jobID == first.jobID)
            #expect(again.headers["idempotency-replayed"] == "true")
            let batch: JSONValue = ["jobs": [.object((RunningAPI.crawl.object ?? [:]).merging(["idempotency_key": "k"]) { $1 })]]
            #expect(try await api.post("/jobs/batch", batch, key).json["items"]?.array?.first?["idempotency_replayed"] == true)
            #expect(try await api.post("/jobs", RunningAPI.crawl, key).status == 429)
        }
    }

    @Test func aFlowThatIsRepeatedIsNotChargedAgain() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.submit]) { $0.jobsADay = 2 }
            let flow: JSONValue = ["jobs": .array((0..<2).map { ["name": .string("j\($0)"), "kind": "note", "input": ["text": "t"]] })]
            let once = key.merging(["Idempotency-Key": "f"]) { $1 }
            #expect(try await api.post("/flows", flow, once).status == 202)
            #expect(try await api.post("/flows", flow, once).headers["idempotency-replayed"] == "true")
            #expect(try await api.post("/flows", flow, key).status == 429)
        }
    }

    @Test func liveJobsAreChargedUntilTheyHaveEnded() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.submit, .manage]) { $0.liveJobs = 1 }
            let first = try await api.post("/jobs", RunningAPI.crawl, key)
            #expect(first.headers["ratelimit"] == "\"live-jobs\";r=0")
            let refused = try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]], key)
            #expect(refused.json["violated-policies"] == ["live-jobs"])
            #expect(refused.headers["retry-after"] == "5")
            let id = try #require(first.jobID)
            #expect(try await api.send("POST", "/jobs/\(id)/cancel", key).status == 200)
            #expect(try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]], key).status == 202)
        }
    }

    /// A unique key that was taken for a job without room for it is let go.
    @Test func aRefusedUniqueJobHoldsNoKey() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let poor = try await api.key([.submit]) { $0.jobsADay = 1 }
            let rich = try await api.key([.submit])
            _ = try await api.post("/jobs", RunningAPI.crawl, poor)
            let asked = JSONValue.object((RunningAPI.crawl.object ?? [:]).merging(["unique": ["key": "u", "while": "active"]]) { $1 })
            #expect(try await api.post("/jobs", asked, poor).status == 429)
            let other = try await api.post("/jobs", asked, rich)
            #expect(other.status == 202)
            #expect(other.headers["unique-replayed"] == nil)
        }
    }

    @Test func jobsSayWhoSubmittedThem() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.submit, .read])
            let keyID = try #require(key["Authorization"]).dropFirst("Bearer twk_".count).prefix(16)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl, key).jobID)
            #expect(try await api.get("/jobs/\(id)", key).json["submitted_by"]?.string == String(keyID))
            #expect(try await api.desk.ledger.job(id)?.submittedBy == String(keyID))
            try await api.forget(id)
            #expect(try await api.get("/jobs?kind=web_crawl", key).json["jobs"]?.array?.first?["submitted_by"]?.string == String(keyID))
        }
    }

    @Test func callersNeverMeetUnderOneIdempotencyKey() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let name = ["Idempotency-Key": "k"]
            let one = try await api.key([.submit]).merging(name) { $1 }
            let other = try await api.key([.submit]).merging(name) { $1 }
            let first = try await api.post("/jobs", RunningAPI.crawl, one)
            let second = try await api.post("/jobs", ["kind": "web_crawl", "input": ["url": "http://other/"]], other)
            #expect(second.status == 202)
            #expect(first.jobID != second.jobID)
            #expect(try await api.post("/jobs", RunningAPI.crawl, one).jobID == first.jobID)
        }
    }

    @Test func withoutRedisAProcessCountsForItself() async throws {
        let redis = try await TestRedis.own()
        try await withAPI(redis: redis) {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.read]) { $0.rate = Limit.Rate(count: 10, perMilliseconds: 36_000_000, burst: 3) }
            #expect(try await api.get("/schedules", key).status == 200)
            redis.kill()
            _ = await redis.exit()
            for _ in 0..<3 { #expect(try await api.get("/schedules", key).status == 200) }
            #expect(try await api.get("/schedules", key).status == 429)
        }
    }

    @Test func theProcessesOwnBucketIsThatOfTheScript() async throws {
        let queue = JobQueue(try RedisAddress(url: "redis://127.0.0.1:1"), logger: quiet)
        let allowances = Allowances(queue)
        let rate = Limit.Rate(count: 1, perMilliseconds: 1_000, burst: 2)
        let start = ContinuousClock.now
        #expect(allowances.takeHere("k", rate, at: start).left == 1)
        let last = allowances.takeHere("k", rate, at: start)
        #expect(last == Allowance(isGranted: true, left: 0, fullInMilliseconds: 2_000, nextInMilliseconds: 1_000))
        #expect(!allowances.takeHere("k", rate, at: start + .milliseconds(999)).isGranted)
        #expect(allowances.takeHere("k", rate, at: start + .milliseconds(1_000)).isGranted)
        #expect(allowances.takeHere("k", rate, at: start + .seconds(100)).left == 1)
        await queue.close()
    }
}
