import JobDesk
import JobModel
import PostgresWire
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct ListTests {
    @Test func theListIsPagedByItsCursor() async throws {
        try await withAPI { api in
            var ids: [String] = []
            for number in 0..<5 {
                let job: JSONValue = number == 2 ? ["kind": "note", "input": ["text": "t"]] : RunningAPI.crawl
                ids.insert(try await api.post("/jobs", job).json["job_id"]?.string ?? "", at: 0)
            }
            let first = try await api.get("/jobs?limit=3").json
            #expect(first["count"] == 3)
            let cursor = try #require(first["next_cursor"]?.string)
            let second = try await api.get("/jobs?limit=3&cursor=\(cursor)").json
            #expect(second["next_cursor"] == JSONValue.null)
            let all = (first["jobs"]?.array ?? []) + (second["jobs"]?.array ?? [])
            #expect(Set(all.compactMap { $0["job_id"]?.string }) == Set(ids))
            #expect(all.count == 5)
            let crawl = all.first { $0["kind"] == "web_crawl" }
            #expect(crawl?["status"] == "queued")
            #expect(crawl?["metadata"]?["source_uri"] == "https://example.com/")
            for field in ["input", "result", "events"] { #expect(crawl?[field] == nil) }
        }
    }

    @Test func fieldsBringWhatTheShortFormLeavesOut() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            _ = try await api.post("/jobs", RunningAPI.crawl)
            try await worker.finish(try await worker.startNext(), as: .completed(["pages_crawled": 5]))
            let item = try await api.get("/jobs?fields=input,result&fields=events").json["jobs"]?.array?.first
            #expect(item?["input"]?["max_pages"] == 10)
            #expect(item?["result"] == ["pages_crawled": 5])
            #expect(item?["events"]?.array?.compactMap { $0["event"]?.string } == ["queued", "started", "completed"])
            #expect(try await api.get("/jobs?fields=input&limit=21").status == 422)
        }
    }

    @Test(arguments: [
        ("kind=web_crawl", 2), ("kind=note", 1), ("kind=note,web_crawl", 3), ("kind=note&kind=web_crawl", 3), ("queue=models", 1),
        ("subject=A+b%26c", 1), ("subject=A", 0), ("tag=x&tag=y%2Cz", 1), ("tag=x&tag=q", 0), ("session=s%201", 1),
        ("status=queued", 3), ("status=failed,completed", 0), ("since=2020-01-01T00:00:00+01:00", 3), ("until=2020-01-01T00:00:00Z", 0),
        ("flow=01900000-0000-7000-8000-000000000000", 0), ("kind=refused_entry", 0), ("subject=", 3),
    ])
    func filters(query: String, count: Int64) async throws {
        try await withAPI { api in
            _ = try await api.post("/jobs", RunningAPI.crawl)
            _ = try await api.post("/jobs", ["kind": "note", "input": ["text": "t"]])
            _ = try await api.post(
                "/jobs",
                [
                    "kind": "web_crawl", "input": ["url": "https://example.com/"], "subject": "A b&c", "tags": ["x", "y,z"],
                    "session_id": "s 1",
                ])
            #expect(try await api.get("/jobs?" + query).json["count"] == .integer(count))
        }
    }

    @Test(arguments: [
        ("status=done", "status", "waiting, scheduled, queued, processing, completed, failed, cancelled"),
        ("kind=web_crawl,nothing", "kind", "web_crawl, document, note"), ("queue=x", "queue", "ingest, models"),
        ("limit=0", "limit", "from 1 to 200"), ("limit=1e3", "limit", "from 1 to 200"), ("limit=5&limit=6", "limit", "given once"),
        ("cursor=abc", "cursor", "next_cursor"), ("cursor=99999999999999999.01900000-0000-7000-8000-000000000000", "cursor", "next_cursor"),
        ("since=yesterday", "since", "RFC 3339"), ("flow=1", "flow", "id of a flow"), ("fields=all", "fields", "input, result, events"),
        ("subject=%00", "subject", "U+0000"), ("subject=%ff", "subject", "UTF-8"), ("subject=%4", "subject", "percent-encoded"),
        ("states=queued", "states", "there are: status"),
    ])
    func badFilters(query: String, parameter: String, told: String) async throws {
        try await withAPI { api in
            let answer = try await api.get("/jobs?" + query)
            #expect(answer.status == 422)
            #expect(answer.problem == "invalid-filter")
            let error = answer.json["errors"]?.array?.first
            #expect(error?["parameter"] == .string(parameter))
            #expect(error?["detail"]?.string?.contains(told) == true, "\(error ?? "none")")
        }
    }

    @Test func longTextIsRefused() async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.get("/jobs?subject=" + String(repeating: "x", count: 200)).status == 200)
            #expect(try await api.get("/jobs?subject=" + String(repeating: "x", count: 201)).status == 422)
            #expect(try await api.get("/jobs?kind=" + String(repeating: "web_crawl,", count: 900)).status == 422)
        }
    }

    @Test func hostileTextFindsNothingAndBreaksNothing() async throws {
        try await withAPI { api in
            _ = try await api.post("/jobs", RunningAPI.crawl)
            for text in ["'%3BDROP%20TABLE%20jobs--", "%7Bsubject%7D", "%241", "%22%5C", "%F0%9F%98%80", "*", "%25"] {
                for name in ["subject", "session", "tag"] {
                    let answer = try await api.get("/jobs?\(name)=\(text)")
                    #expect(answer.status == 200, "\(name)=\(text)")
                    #expect(answer.json["count"] == 0, "\(name)=\(text)")
                }
            }
            #expect(try await api.get("/jobs").json["count"] == 1)
        }
    }

    @Test func deadLettersTellTheirAttempts() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let failure = JobFailure.permanent("It is gone", type: "http_404")
            for job in [RunningAPI.crawl, ["kind": "note", "input": ["text": "t"]]] {
                _ = try await api.post("/jobs", job)
                try await worker.finish(try await worker.startNext(), as: .failed(failure))
            }
            _ = try await api.post("/jobs", RunningAPI.crawl)
            let letters = try await api.get("/dead-letters").json["dead_letters"]?.array ?? []
            #expect(letters.compactMap { $0["kind"]?.string } == ["note", "web_crawl"])
            for letter in letters {
                #expect(letter["error"] == "It is gone")
                let attempts = letter["attempts"]?.array ?? []
                #expect(attempts.count == 1)
                #expect(attempts.first?["outcome"] == "failed")
                #expect(attempts.first?["worker"] == .string(worker.name))
                #expect(attempts.first?["error_type"] == "http_404")
                let id = letter["job_id"]?.string ?? ""
                let history = try await api.get("/jobs/\(id)/attempts").json
                #expect(history["attempts"]?.array == attempts)
                #expect(history["complete"] == true)
            }
            #expect(try await api.get("/dead-letters?error_type=http_404&kind=note").json["count"] == 1)
            #expect(try await api.get("/dead-letters?error_type=timeout").json["count"] == 0)
            #expect(try await api.get("/dead-letters?status=failed").status == 422)
        }
    }

    @Test func theLogIsGivenWhileItIsKeptAndTheEndAfterwards() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            try await worker.progress(40, of: claim)
            try await worker.finish(claim, as: .completed(["n": 1]))
            let log = try await api.get("/jobs/\(id)/log").json
            #expect(log["events"]?.array?.compactMap { $0["event"]?.string } == ["queued", "started", "progress", "completed"])
            #expect(log["complete"] == true)
            try await api.forget(id)
            let late = try await api.get("/jobs/\(id)/log").json
            #expect(late["events"]?.array?.compactMap { $0["event"]?.string } == ["completed"])
            #expect(late["complete"] == false)
            #expect(try await api.get("/jobs/\(JobID())/log").status == 404)
            #expect(try await api.get("/jobs/\(JobID())/attempts").status == 404)
        }
    }

    @Test func jobsAreFoundByWordsAndPathsTheNewestAtOnce() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            _ = try await api.post("/jobs", RunningAPI.crawl)
            try await worker.finish(try await worker.startNext(), as: .completed(["text": "High water", "pages": 5]))
            _ = try await api.post("/jobs", RunningAPI.crawl)
            _ = try await api.post("/jobs", ["kind": "note", "input": ["text": "water"]])
            for (query, count) in [
                ("q=water", 1), ("q=%22high+water%22", 1), ("q=example.com", 2), ("q=example.com&status=queued", 1),
                ("q=example.com+-water", 1),
                ("q=%24.result.pages+%3D%3D+5", 1), ("q=%24.result.pages+%3E+5", 0), ("q=water&q=example.com", 1), ("q=", 3),
            ] as [(String, Int64)] {
                #expect(try await api.get("/jobs?" + query).json["count"] == .integer(count), "\(query)")
            }
            #expect(try await api.get("/dead-letters?q=water").json["count"] == 0)
            for query in [
                "q=-water", "q=%24.a+%3D%3D", "q=%24.a+like_regex+%22%5B%22", "q=" + String(repeating: "x", count: 501), "q=+",
                "q=" + String(repeating: "-", count: 400) + "a",
            ] {
                let answer = try await api.get("/jobs?" + query)
                #expect(answer.status == 422, "\(query)")
                #expect(answer.problem == "invalid-filter")
                #expect(answer.json["errors"]?.array?.first?["parameter"] == "q")
            }
        }
    }

    @Test func aRowThatOthersChangedIsShownAsFarAsItCanBe() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            _ = try await api.post("/jobs", RunningAPI.crawl)
            let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
            try await api.pool.script(
                "UPDATE jobs SET metadata = '{\"a\": \(deep)}', status = 'failed', finished_at = now() WHERE id = '\(id)'")
            let jobs = try await api.get("/jobs").json["jobs"]?.array ?? []
            #expect(jobs.count == 2)
            let changed = jobs.first { $0["job_id"] == .string(id.description) }
            #expect(changed?["unreadable"] == ["metadata"])
            #expect(changed?["status"] == "failed")
            #expect(try await api.get("/dead-letters").json["count"] == 1)
        }
    }

    @Test func aDamagedRowIsShownAndCancelledButNotRetried() async throws {
        try await withAPI { api in
            let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
            let ended = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            _ = try await api.send("POST", "/jobs/\(ended)/cancel")
            let live = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            try await api.pool.script("UPDATE jobs SET metadata = '{\"a\": \(deep)}'")
            // Redis knows the end of one of them: its row must not come back to life all the same.
            let refused = try await api.send("POST", "/jobs/\(ended)/retry")
            #expect(refused.status == 409 && refused.problem == "unreadable-row")
            #expect(refused.json["detail"]?.string?.contains("Column metadata") == true)
            try await api.forget(ended)
            try await api.forget(live)
            for (id, state) in [(ended, "cancelled"), (live, "queued")] {
                for path in ["", "/log", "/attempts"] { #expect(try await api.get("/jobs/\(id)" + path).status == 200, "\(path)") }
                let shown = try await api.get("/jobs/\(id)").json
                #expect(shown["status"]?.string == state && shown["unreadable"] == ["metadata"])
                #expect(try await api.get("/jobs/\(id)/result").problem == "unreadable-row")
            }
            #expect(try await api.send("POST", "/jobs/\(ended)/retry").problem == "unreadable-row")
            #expect(try await api.pool.query("SELECT status FROM jobs WHERE id = '\(ended)'").first?.string("status") == "cancelled")
            #expect(try await api.send("POST", "/jobs/\(live)/cancel").json["status"] == "cancelled")
        }
    }

    @Test(arguments: [
        "/flows?status=failed", "/schedules?nam=x", "/limits?scope=key", "/queues?queue=ingest", "/queues/ingest?x=1", "/workers?x=1",
        "/queues/ingest/scaling?x=1", "/jobs/01900000-0000-7000-8000-000000000000?wait=1",
    ])
    func aParameterThatIsNotKnownIsRefused(path: String) async throws {
        try await withAPI { api in
            let answer = try await api.get(path)
            #expect(answer.status == 400)
            #expect(answer.problem == "invalid-query")
            #expect(answer.json["detail"]?.string?.contains("is not known here") == true)
        }
    }
}
