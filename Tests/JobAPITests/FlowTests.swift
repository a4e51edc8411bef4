import JobDesk
import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct FlowTests {
    private static let crawl: JSONValue = ["url": "https://example.com/"]

    private static func job(_ name: String, _ parents: [String] = [], _ more: [String: JSONValue] = [:]) -> JSONValue {
        let members: [String: JSONValue] = [
            "name": .string(name), "kind": "web_crawl", "input": crawl, "depends_on": .array(parents.map(JSONValue.string)),
        ]
        return .object(members.merging(more) { $1 })
    }

    private static func flow(_ jobs: JSONValue...) -> JSONValue {
        ["name": "digest", "metadata": ["team": "x"], "jobs": .array(jobs)]
    }

    @Test func aFlowIsAcceptedAndShownAsAGraph() async throws {
        try await withAPI { api in
            let answer = try await api.post(
                "/flows", Self.flow(Self.job("a"), Self.job("b", ["a"], ["on_parent_failure": "run", "tags": ["t"]])))
            #expect(answer.status == 202)
            let id = try #require(answer.json["flow_id"]?.string)
            #expect(answer.headers["location"] == "/flows/\(id)")
            #expect(answer.json["status"] == "queued")
            let child = try #require(answer.json["job_ids"]?["b"]?.string)
            let shown = try await api.get("/flows/\(id)")
            #expect(shown.status == 200)
            #expect(shown.json["name"] == "digest")
            #expect(shown.json["metadata"] == ["team": "x"])
            #expect(shown.json["counts"]?["total"] == 2)
            #expect(shown.json["counts"]?["waiting"] == 1)
            let jobs = try #require(shown.json["jobs"]?.array)
            #expect(jobs.map { $0["name"] } == ["a", "b"])
            #expect(jobs[1]["depends_on"] == ["a"])
            #expect(jobs[1]["on_parent_failure"] == "run")
            #expect(jobs[1]["status"] == "waiting")
            #expect(jobs[1]["job_id"] == .string(child))
            let alone = try await api.get("/jobs/\(child)").json
            #expect(alone["status"] == "waiting")
            #expect(alone["flow"]?["flow_id"] == .string(id))
            #expect(alone["flow"]?["name"] == "b")
            #expect(alone["tags"] == ["t"])
        }
    }

    @Test(
        arguments: [
            (["jobs": []], ["#/jobs"]), ([:], ["#/jobs"]), (["jobs": ["x"]], ["#/jobs/0"]),
            (["jobs": [["name": "a", "kind": "web_crawl", "input": ["url": "ftp://x"]]]], ["#/jobs/0/input/url"]),
            (["jobs": [["kind": "web_crawl", "input": ["url": "http://x/"], "priority": "top"]]], ["#/jobs/0/name"]),
            (
                ["jobs": [["name": "a", "kind": "web_crawl", "input": ["url": "http://x/"], "priority": "top", "more": 1]]],
                ["#/jobs/0/more", "#/jobs/0/priority"]
            ),
            (["jobs": [["name": "a", "kind": "nothing"]]], ["#/jobs/0/kind"]),
            (
                ["jobs": [["name": "a", "kind": "web_crawl", "input": ["url": "http://x/"], "depends_on": ["b"]]]],
                ["#/jobs/0/depends_on/0"]
            ),
            (["jobs": [["name": "a", "kind": "web_crawl", "input": ["url": "http://x/"], "depends_on": ["a"]]]], ["#/jobs/0/depends_on"]),
            (
                ["jobs": [["name": "a", "kind": "web_crawl", "input": ["url": "http://x/"], "on_parent_failure": "no"]]],
                ["#/jobs/0/on_parent_failure"]
            ),
            (
                ["jobs": [["name": "a", "kind": "web_crawl", "input": ["url": "http://x/"], "unique": ["key": "k", "while": "active"]]]],
                ["#/jobs/0/unique"]
            ),
        ] as [(JSONValue, [String])])
    func faultsAreToldWithPointers(body: JSONValue, pointers: [String]) async throws {
        try await withAPI { api in
            let answer = try await api.post("/flows", body)
            #expect(answer.status == 422)
            #expect(answer.problem == "invalid-input")
            #expect(answer.json["errors"]?.array?.compactMap { $0["pointer"]?.string }.sorted() == pointers)
            #expect(try await api.get("/flows").json["flows"] == [])
        }
    }

    @Test func aCircleIsNamed() async throws {
        try await withAPI { api in
            let answer = try await api.post("/flows", Self.flow(Self.job("a", ["c"]), Self.job("b", ["a"]), Self.job("c", ["b"])))
            #expect(answer.json["errors"]?.array?.first?["detail"] == "makes a circle: a → c → b → a")
        }
    }

    @Test func aKeyMakesOneFlow() async throws {
        try await withAPI { api in
            let body = Self.flow(Self.job("a"), Self.job("b", ["a"]))
            let first = try await api.post("/flows", body, ["Idempotency-Key": "k"])
            let again = try await api.post("/flows", body, ["Idempotency-Key": "k"])
            #expect(again.status == 202)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.json["flow_id"] == first.json["flow_id"])
            #expect(again.json["job_ids"] == first.json["job_ids"])
            #expect(try await api.post("/flows", Self.flow(Self.job("x")), ["Idempotency-Key": "k"]).problem == "idempotency-conflict")
        }
    }

    @Test func pagesOfFlowsAndOfJobsMissNothing() async throws {
        try await withAPI { api in
            var made: [JSONValue?] = []
            for number in 0..<5 {
                let jobs = (0..<4).map { Self.job("j\($0)") }
                made.append(try await api.post("/flows", ["name": .string("f\(number)"), "jobs": .array(jobs)]).json["flow_id"])
            }
            #expect(try await pages(api, "/flows?limit=2", "flows").map { $0["flow_id"] } == made.reversed())
            let id = try #require(made[0]?.string)
            #expect(try await pages(api, "/flows/\(id)?limit=3", "jobs").map { $0["name"] } == ["j0", "j1", "j2", "j3"])
        }
    }

    private func pages(_ api: RunningAPI, _ path: String, _ name: String) async throws -> [JSONValue] {
        var items: [JSONValue] = []
        var cursor = ""
        while true {
            let page = try await api.get(path + cursor).json
            items += try #require(page[name]?.array)
            guard let next = page["next_cursor"]?.string else { return items }
            cursor = "&cursor=\(next)"
        }
    }

    @Test func aFlowIsCancelledWhole() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let flow = try await api.post("/flows", Self.flow(Self.job("a"), Self.job("b", ["a"])))
            let path = try #require(flow.headers["location"])
            let claim = try await worker.startNext()
            let first = try await api.send("POST", path + "/cancel")
            #expect(first.status == 202)
            #expect(first.json["cancel_requested"] == true)
            #expect(first.json["counts"]?["cancelled"] == 1)
            try await worker.finish(claim, as: .cancelled(.cancelled))
            let second = try await api.send("POST", path + "/cancel")
            #expect(second.status == 200)
            #expect(second.json["status"] == "cancelled")
            #expect(second.json["jobs"]?.array?.last?["error"] == "The flow was cancelled")
        }
    }

    @Test func whatHasEndedOrNeverWasCannotBeCancelled() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let path = try #require(try await api.post("/flows", Self.flow(Self.job("a"))).headers["location"])
            try await worker.finish(try await worker.startNext(), as: .completed(["n": 1]))
            let answer = try await api.send("POST", path + "/cancel")
            #expect(answer.status == 409)
            #expect(answer.problem == "already-ended")
            #expect(answer.json["flow_status"] == "completed")
            for unknown in ["/flows/\(JobID())", "/flows/x"] {
                #expect(try await api.get(unknown).problem == "unknown-flow")
                #expect(try await api.send("POST", unknown + "/cancel").problem == "unknown-flow")
            }
        }
    }

    @Test(arguments: ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor="])
    func hostilePagesAreRefused(query: String) async throws {
        try await withAPI { api in
            let path = try #require(try await api.post("/flows", Self.flow(Self.job("a"))).headers["location"])
            #expect(try await api.get("\(path)?\(query)").problem == "invalid-query")
            #expect(try await api.get("/flows?\(query)").problem == "invalid-query")
        }
    }
}
