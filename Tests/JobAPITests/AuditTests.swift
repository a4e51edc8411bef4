import HTTPTypes
import JobDesk
import JobLedger
import JobModel
import JobQueue
import PrivateServers
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct AuditTests {
    private func entries(_ api: RunningAPI, _ query: String = "", _ headers: [String: String] = [:]) async throws -> [JSONValue] {
        try #require(try await api.get("/audit\(query)", headers).json["entries"]?.array)
    }

    @Test func aChangeIsWrittenDownWithWhoAndHow() async throws {
        try await withAPI {
            $0.callers = .required
        } _: { (api) async throws in
            let key = try await api.key([.read, .submit, .manage])
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl, key).jobID)
            _ = try await api.send("POST", "/jobs/\(id)/cancel", key.merging(["X-Request-ID": "r-1"]) { $1 })
            let found = try await entries(api, "?action=job.cancel", key)
            #expect(found.count == 1)
            let entry = try #require(found.first)
            #expect(entry["actor"] == "key")
            #expect(entry["key_id"]?.string == key["Authorization"].map { String($0.dropFirst("Bearer twk_".count).prefix(16)) })
            #expect(entry["name"] == "test")
            #expect(entry["address"] == "127.0.0.1")
            #expect(entry["target"]?.string == id.description)
            #expect(entry["request_id"] == "r-1")
            #expect(entry["outcome"] == "done")
            #expect(entry["status"] == 200)
            #expect(entry["ended_at"] != nil)
            // Making the key was one too.
            #expect(try await entries(api, "?actor=console", key).map { $0["action"] } == ["key.create"])
        }
    }

    @Test func whatWasRefusedSaysWhy() async throws {
        try await withAPI { (api) async throws in
            _ = try await api.send("POST", "/queues/none/pause")
            let refused = try #require(try await entries(api).first)
            #expect(refused["actor"] == "loopback")
            #expect(refused["action"] == "queue.pause")
            #expect(refused["target"] == "none")
            #expect(refused["outcome"] == "refused")
            #expect(refused["problem"] == "unknown-queue")
        }
    }

    @Test func everyRouteThatChangesSomethingIsWrittenDown() async throws {
        try await withAPI { (api) async throws in
            let changing = Routes.table.filter { $0.access.action != nil }
            #expect(changing.count > 12)
            for route in changing {
                let path = route.path.replacing("{scope}", with: "key").replacing("{queue}", with: "q").replacing("{name}", with: "n")
                    .replacing("{id}", with: JobID().description).replacing("{session_id}", with: "s")
                let text = Array("{}".utf8)
                _ = try await api.send(route.method.rawValue, path, ["Content-Type": "application/json"], body: text)
                let action = try #require(route.access.action)
                #expect(try await entries(api, "?limit=1").first?["action"]?.string == action, "\(path)")
            }
        }
    }

    /// Reading and submitting is not in it.
    @Test func nothingElseIsWrittenDown() async throws {
        try await withAPI { (api) async throws in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            _ = try await api.get("/jobs/\(id)")
            #expect(try await entries(api).isEmpty)
        }
    }

    @Test func aChangeTellsWhatItMade() async throws {
        try await withAPI { (api) async throws in
            let limit = Array(#"{"concurrency":2}"#.utf8)
            _ = try await api.send("PUT", "/limits/kind/web_crawl", ["Content-Type": "application/json"], body: limit)
            let made = try await api.post(
                "/schedules", ["name": "n", "expression": "@daily", "kind": "web_crawl", "input": ["url": "http://h/"]])
            let schedule = try #require(made.json["schedule_id"]?.string)
            let found = try await entries(api)
            #expect(found.map { $0["action"] } == ["schedule.create", "limit.set"])
            #expect(found[0]["target"]?.string == schedule)
            #expect(found[1]["target"] == "kind/web_crawl")
            #expect(found[1]["detail"]?["limit"]?["concurrency"] == 2)
            #expect(try await entries(api, "?target=\(schedule)").count == 1)
        }
    }

    @Test func thePagesRepeatNothingAndLoseNothing() async throws {
        try await withAPI { (api) async throws in
            for number in 0..<5 { _ = try await api.send("DELETE", "/limits/key/k\(number)") }
            var seen: [JSONValue?] = []
            var cursor = ""
            repeat {
                let page = try await api.get("/audit?limit=2\(cursor)").json
                seen += page["entries"]?.array?.map { $0["target"] } ?? []
                cursor = page["next_cursor"]?.string.map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty
            #expect(seen == (0..<5).reversed().map { .string("key/k\($0)") })
        }
    }

    @Test func senselessFiltersAreRefused() async throws {
        try await withAPI { (api) async throws in
            for query in ["actor=x", "outcome=x", "action=x", "limit=0", "limit=201", "cursor=x", "since=x", "who=me"] {
                #expect(try await api.get("/audit?\(query)").problem == "invalid-filter", "\(query)")
            }
        }
    }

    @Test func filtersFindWhatTheyName() async throws {
        try await withAPI { (api) async throws in
            _ = try await api.send("POST", "/queues/ingest/pause", ["X-Request-ID": "r-1"])
            _ = try await api.send("POST", "/queues/none/pause")
            #expect(try await entries(api, "?outcome=done").map { $0["target"] } == ["ingest"])
            #expect(try await entries(api, "?outcome=open").isEmpty)
            #expect(try await entries(api, "?request=r-1").count == 1)
            #expect(try await entries(api, "?key=0123456789abcdef").isEmpty)
            #expect(try await entries(api, "?actor=loopback,key").count == 2)
            #expect(try await entries(api, "?since=2000-01-01T00:00:00Z").count == 2)
            #expect(try await entries(api, "?until=2000-01-01T00:00:00Z").isEmpty)
        }
    }

    /// Redis alone knows a job of this kind, and would queue it again.
    @Test func whatCannotBeWrittenDownIsNotDone() async throws {
        let postgres = try await TestPostgres.own()
        try await withAPI(postgres: postgres) { (api) async throws in
            let id = try #require(try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]]).jobID)
            #expect(try await api.send("POST", "/jobs/\(id)/cancel").status == 200)
            postgres.kill()
            _ = await postgres.exit()
            let refused = try await api.send("POST", "/jobs/\(id)/retry")
            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] != nil)
            #expect(try await api.desk.queue.job(id)?.state == .cancelled)
            try await postgres.restart()
            try await eventually(within: .seconds(15)) { try await api.send("POST", "/jobs/\(id)/retry").status == 202 }
        }
    }

    /// The entry is there before the change begins: seen while the change waits for a lock.
    @Test func theEntryComesBeforeTheChange() async throws {
        let postgres = try await TestPostgres.own()
        try await withAPI(postgres: postgres) { (api) async throws in
            _ = try await api.send("DELETE", "/limits/key/k")
            let locking = Task { try await postgres.run("BEGIN; LOCK TABLE limits; SELECT pg_sleep(2)") }
            try await eventually(within: .seconds(10)) {
                try await postgres.run("SELECT count(*) FROM pg_locks WHERE relation = 'limits'::regclass AND granted") != ["0"]
            }
            let waiting = Task { try await api.send("DELETE", "/limits/key/late") }
            try await eventually(within: .seconds(10)) { try await entries(api, "?target=key/late&outcome=open").count == 1 }
            #expect(try await waiting.value.status == 404)
            #expect(try await entries(api, "?target=key/late&outcome=refused").count == 1)
            _ = try await locking.value
        }
    }
}
