import JobModel
import PrivateServers
import TestServers
import Testing

@testable import JobAPI

/// What callers see while a store is away, and that all is well by itself afterwards.
@Suite(.timeLimit(.minutes(1))) struct OutageTests {
    private func expectUnavailable(_ answer: RunningAPI.Answer, _ what: String) {
        #expect(answer.status == 503, "\(what)")
        #expect(answer.headers["retry-after"].flatMap { Int($0) } != nil, "\(what)")
        #expect(answer.headers["content-type"] == "application/problem+json", "\(what)")
    }

    @Test func withoutRedisJobsAreRefusedUntilItIsBack() async throws {
        let redis = try await TestRedis.own(persistent: true)
        try await withAPI(redis: redis) { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            #expect(try await api.post("/kinds", ["kinds": [["kind": "by_hand", "summary": "s"]]]).status == 200)
            redis.kill()
            _ = await redis.exit()
            expectUnavailable(try await api.get("/readyz"), "readyz")
            expectUnavailable(try await api.get("/jobs/\(id)"), "read")
            expectUnavailable(try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]]), "submit")
            #expect(try await api.get("/livez").status == 200)
            #expect(try await api.get("/health").json["status"] == "unhealthy")
            let waiting = try await api.post("/work/claim", ["worker": "w", "kinds": ["by_hand"], "wait": 5])
            expectUnavailable(waiting, "claim")
            #expect(waiting.headers["connection"] == "close", "whoever listens whether the client is there takes the connection")
            try await redis.restart()
            try await eventually(within: .seconds(15)) { try await api.get("/readyz").status == 200 }
            #expect(try await api.get("/jobs/\(id)").status == 200)
            try await eventually(within: .seconds(10)) { try await api.post("/jobs", RunningAPI.crawl).status == 202 }
        }
    }

    @Test func withoutPostgreSQLRecordedJobsAreRefusedUntilItIsBack() async throws {
        let postgres = try await TestPostgres.own()
        try await withAPI(postgres: postgres) { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            postgres.kill()
            _ = await postgres.exit()
            expectUnavailable(try await api.get("/readyz"), "readyz")
            expectUnavailable(try await api.post("/jobs", RunningAPI.crawl), "submit")
            expectUnavailable(try await api.get("/jobs/\(id)"), "read")
            expectUnavailable(try await api.send("POST", "/uploads", body: [1]), "upload")
            #expect(try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]]).status == 202)
            #expect(try await api.get("/livez").status == 200)
            try await postgres.restart()
            try await eventually(within: .seconds(15)) { try await api.get("/readyz").status == 200 }
            #expect(try await api.get("/jobs/\(id)").json["status"] == "queued")
            #expect(try await api.post("/jobs", RunningAPI.crawl).status == 202)
        }
    }

    @Test func aFullRedisRefusesNewJobsOnly() async throws {
        let redis = try await TestRedis.own(arguments: ["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
        try await withAPI(redis: redis) { api in
            let answer = try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]])
            expectUnavailable(answer, "submit")
            #expect(answer.problem == "full")
            #expect(try await api.get("/readyz").status == 200)
        }
    }
}
