import JobDesk
import JobModel
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct ScheduleTests {
    private let nightly: JSONValue = [
        "name": "nightly", "expression": "30 2 * * *", "time_zone": "Europe/Berlin", "kind": "web_crawl",
        "input": ["url": "https://example.com/"], "priority": "high", "tags": ["a"], "timeout": 1.5, "metadata": ["m": 1],
        "unique": ["key": "k", "window_seconds": 90], "backoff": ["base_seconds": 2, "cap_seconds": 30], "concurrency_key": "tenant",
    ]

    private func with(_ changes: JSONValue) -> JSONValue {
        .object((nightly.object ?? [:]).merging(changes.object ?? [:]) { $1 })
    }

    private func pointers(_ answer: RunningAPI.Answer) -> [String] {
        (answer.json["errors"]?.array ?? []).compactMap { $0["pointer"]?.string }.sorted()
    }

    @Test func aScheduleIsMadeReadListedChangedAndEnded() async throws {
        try await withAPI { (api) async throws in
            let made = try await api.post("/schedules", nightly)
            #expect(made.status == 201)
            let path = try #require(made.headers["location"])
            #expect(path == "/schedules/\(made.json["schedule_id"]?.string ?? "")")
            for (name, value) in nightly.object ?? [:] { #expect(made.json[name] == value, "\(name)") }
            #expect(made.json["missed"] == "run_once" && made.json["overlap"] == "allow" && made.json["enabled"] == true)
            let runs = try #require(made.json["next_runs"]?.array)
            #expect(runs.count == 5 && runs.first == made.json["next_run_at"])
            #expect(runs.allSatisfy { $0.string?.contains(":30:00.000Z") == true })
            #expect(try await api.get(path).json == made.json)
            #expect(try await api.get("/schedules").json["schedules"] == [made.json])

            let changed = try await api.send(
                "PATCH", path, ["Content-Type": "application/json"],
                body: Array(#"{"expression": "@every 1h30m", "priority": null, "input": {"url": "https://example.org/"}}"#.utf8))
            #expect(changed.status == 200)
            #expect(changed.json["expression"] == "@every 1h30m" && changed.json["priority"] == nil)
            #expect(changed.json["input"] == ["url": "https://example.org/"] && changed.json["tags"] == ["a"])
            #expect(changed.json["next_run_at"] != made.json["next_run_at"])

            #expect(try await api.send("DELETE", path).status == 204)
            for answer in [try await api.get(path), try await api.send("DELETE", path), try await api.send("POST", path + "/run")] {
                #expect(answer.status == 404 && answer.problem == "unknown-schedule")
            }
            #expect(try await api.get("/schedules/nonsense").problem == "unknown-schedule")
        }
    }

    @Test func aDisabledScheduleHasNoNextRunsUntilItIsEnabled() async throws {
        try await withAPI { (api) async throws in
            let made = try await api.post("/schedules", with(["enabled": false]))
            #expect(made.json["next_run_at"] == .null && made.json["next_runs"] == [])
            let path = try #require(made.headers["location"])
            let body = Array(#"{"enabled": true}"#.utf8)
            let enabled = try await api.send("PATCH", path, ["Content-Type": "application/json"], body: body)
            #expect(enabled.json["next_runs"]?.array?.count == 5)
        }
    }

    @Test func everythingThatIsWrongIsSaidWithItsPlace() async throws {
        try await withAPI { (api) async throws in
            let wrong: [(JSONValue, [String])] = [
                (["expression": "61 * * * *"], ["#/expression"]), (["time_zone": "../etc/passwd"], ["#/time_zone"]),
                (["missed": "all", "overlap": 1, "priority": "now"], ["#/missed", "#/overlap", "#/priority"]),
                (["name": .string(String(repeating: "n", count: 201)), "delay": 5], ["#/delay", "#/name"]),
                (["surprise": 1], ["#/surprise"]), (["input": [:]], ["#/input/url"]), (["queue": "none"], ["#/queue"]),
                (["enabled": "yes"], ["#/enabled"]), (["expression": "0 0 31 2 *"], ["#/expression"]), (["name": .null], ["#/name"]),
            ]
            for (change, places) in wrong {
                let answer = try await api.post("/schedules", with(change))
                #expect(answer.status == 422 && answer.problem == "invalid-input", "\(change)")
                #expect(pointers(answer) == places, "\(change)")
            }
            #expect(try await api.post("/schedules", with(["kind": "none"])).problem == "unknown-kind")
            let expression = try await api.post("/schedules", with(["expression": "* 24 * * *"]))
            let detail = expression.json["errors"]?.array?.first?["detail"]?.string
            #expect(detail == "hour: \"24\" is not allowed; values are 0 to 23")
            #expect(try await api.get("/schedules").json["schedules"] == [])
        }
    }

    @Test func namesAreUnique() async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.post("/schedules", nightly).status == 201)
            let second = try await api.post("/schedules", nightly)
            #expect(second.status == 409 && second.problem == "schedule-exists" && second.json["name"] == "nightly")
            let other = try await api.post("/schedules", with(["name": "other"]))
            let path = try #require(other.headers["location"])
            let rename = try await api.send(
                "PATCH", path, ["Content-Type": "application/json"], body: Array(#"{"name": "nightly"}"#.utf8))
            #expect(rename.problem == "schedule-exists")
        }
    }

    @Test func theListHasPagesAndFindsNames() async throws {
        try await withAPI { (api) async throws in
            for number in 1...5 { #expect(try await api.post("/schedules", with(["name": .string("s \(number)")])).status == 201) }
            var names: [String] = []
            var path: String? = "/schedules?limit=2"
            while let page = path {
                let json = try await api.get(page).json
                names += (json["schedules"]?.array ?? []).compactMap { $0["name"]?.string }
                path = json["next_cursor"]?.string.map { "/schedules?limit=2&cursor=\($0)" }
            }
            #expect(names == ["s 1", "s 2", "s 3", "s 4", "s 5"])
            let found = try await api.get("/schedules?name=s%203").json["schedules"]?.array
            #expect(found?.count == 1 && found?.first?["name"] == "s 3")
            for query in ["limit=0", "limit=501", "limit=x", "cursor=x"] {
                #expect(try await api.get("/schedules?\(query)").problem == "invalid-query")
            }
        }
    }

    @Test func aScheduleRunsNowAndOncePerKey() async throws {
        try await withAPI { (api) async throws in
            let made = try await api.post("/schedules", with(["unique": .null, "enabled": false]))
            let path = try #require(made.headers["location"])
            let run = try await api.send("POST", path + "/run", ["Idempotency-Key": "k1"])
            #expect(run.status == 202 && run.json["status"] == "queued")
            let again = try await api.send("POST", path + "/run", ["Idempotency-Key": "k1"])
            #expect(again.jobID == run.jobID && again.headers["idempotency-replayed"] == "true")
            #expect(try await api.send("POST", path + "/run").jobID != run.jobID)
            let id = try #require(run.jobID)
            let job = try await api.desk.read(id)
            #expect(job.priority == .high && job.tags == ["a"] && job.timeoutMilliseconds == 1_500 && job.concurrencyKey == "tenant")
            #expect(job.backoff == Backoff(baseMilliseconds: 2_000, capMilliseconds: 30_000))
            #expect(try await api.get(path).json["next_run_at"] == .null)
        }
    }

    @Test func changesThatComeTogetherAllTakeEffect() async throws {
        try await withAPI { (api) async throws in
            let path = try #require(try await api.post("/schedules", nightly).headers["location"])
            let changes = [#"{"title": "t"}"#, #"{"subject": "s"}"#, #"{"description": "d"}"#]
            try await withThrowingTaskGroup(of: Int.self) { group in
                for change in changes {
                    group.addTask {
                        try await api.send("PATCH", path, ["Content-Type": "application/json"], body: Array(change.utf8)).status
                    }
                }
                for try await status in group { #expect(status == 200) }
            }
            let now = try await api.get(path).json
            #expect(now["title"] == "t" && now["subject"] == "s" && now["description"] == "d")
        }
    }
}
