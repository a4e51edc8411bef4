import JobDesk
import JobModel
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct WebhookTests {
    private let json = ["Content-Type": "application/json"]
    private let hook: JSONValue = [
        "url": "https://receiver.example/hook", "kinds": ["web_crawl"], "statuses": ["failed", "completed"], "subjects": ["a"],
        "description": "d",
    ]

    private func pointers(_ answer: RunningAPI.Answer) -> [String] {
        (answer.json["errors"]?.array ?? []).compactMap { $0["pointer"]?.string }.sorted()
    }

    private func patch(_ api: RunningAPI, _ path: String, _ body: JSONValue) async throws -> RunningAPI.Answer {
        try await api.send("PATCH", path, json, body: Array(body.serialized.utf8))
    }

    /// A job of the API that ends as completed.
    private func complete(_ api: RunningAPI, _ submission: JSONValue = RunningAPI.crawl) async throws -> JobID {
        let answer = try await api.post("/jobs", submission)
        let worker = try await HandWorker(api)
        try await worker.finish(worker.startNext(), as: .completed(["n": 1]))
        return try #require(answer.jobID)
    }

    @Test func aWebhookIsMadeReadListedChangedAndEnded() async throws {
        try await withAPI { (api) async throws in
            let made = try await api.post("/webhooks", hook)
            #expect(made.status == 201 && made.headers["cache-control"] == "no-store")
            let path = try #require(made.headers["location"])
            #expect(path == "/webhooks/\(made.json["webhook_id"]?.string ?? "")")
            #expect(
                made.json["statuses"] == ["completed", "failed"] && made.json["kinds"] == ["web_crawl"] && made.json["subjects"] == ["a"])
            #expect(made.json["enabled"] == true && made.json["has_secret"] == true && made.json["description"] == "d")

            let read = try await api.get(path).json
            #expect(read == .object((made.json.object ?? [:]).filter { $0.key != "secret" }))
            #expect(try await api.get("/webhooks").json["webhooks"] == [read])

            let changed = try await patch(api, path, ["subjects": .null, "url": "https://other.example/", "enabled": false])
            #expect(changed.status == 200 && changed.json["subjects"] == [] && changed.json["url"] == "https://other.example/")
            #expect(changed.json["enabled"] == false && changed.json["statuses"] == ["completed", "failed"])

            #expect(try await api.send("DELETE", path).status == 204)
            for answer in [
                try await api.get(path), try await api.send("DELETE", path), try await patch(api, path, [:]),
                try await api.send("POST", path + "/secret"), try await api.get(path + "/deliveries"),
                try await api.get("/webhooks/nonsense"), try await patch(api, "/webhooks/jobs", [:]),
                try await api.send("DELETE", "/webhooks/jobs"), try await api.get("/webhooks/\(Webhook.ofJobs)"),
            ] { #expect(answer.status == 404 && answer.problem == "unknown-webhook") }
        }
    }

    @Test func aSecretIsShownOnceAndNeverAgain() async throws {
        try await withAPI { (api) async throws in
            let made = try await api.post("/webhooks", hook)
            let path = try #require(made.headers["location"])
            let first = try #require(made.json["secret"]?.string)
            #expect(WebhookSecret(first) != nil)
            let rotated = try await api.send("POST", path + "/secret")
            let second = try #require(rotated.json["secret"]?.string)
            #expect(rotated.status == 200 && second != first && rotated.headers["cache-control"] == "no-store")
            #expect(rotated.json["previous_secret_until"]?.string != nil)

            let own = WebhookSecret().text
            let given = try await api.post(path + "/secret", ["secret": .string(own), "overlap_seconds": 0])
            #expect(given.json["secret"]?.string == own && given.json["previous_secret_until"] == nil)
            _ = try await complete(api, .object((RunningAPI.crawl.object ?? [:]).merging(["subject": "a"]) { $1 }))
            let delivery = try #require(try await api.get(path + "/deliveries").json["deliveries"]?.array?.first?["delivery_id"]?.string)
            for shown in ["/webhooks", path, path + "/deliveries", path + "/deliveries/\(delivery)", "/jobs?fields=input,result,events"] {
                let text = String(decoding: try await api.get(shown).body, as: UTF8.self)
                for secret in [first, second, own] { #expect(!text.contains(secret.dropFirst(6)), "\(shown)") }
            }
        }
    }

    @Test func everythingThatIsWrongIsSaidWithItsPlace() async throws {
        try await withAPI { (api) async throws in
            let wrong: [(JSONValue, [String])] = [
                (["url": "http://plain.example/"], ["#/url"]), (["url": "https://u:p@h/"], ["#/url"]), (["url": .null], ["#/url"]),
                (["url": "https://h\u{e4}fen.example/"], ["#/url"]),
                (["url": .string("https://h/" + String(repeating: "x", count: 2048))], ["#/url"]),
                (["statuses": []], ["#/statuses"]), (["statuses": ["queued"]], ["#/statuses"]),
                (["statuses": ["failed", "failed"]], ["#/statuses"]),
                (["kinds": ["web_crawl", "none", "note"]], ["#/kinds/1", "#/kinds/2"]),
                (["subjects": [""]], ["#/subjects"]), (["secret": "whsec_short"], ["#/secret"]), (["surprise": 1], ["#/surprise"]),
            ]
            for (change, places) in wrong {
                let answer = try await api.post("/webhooks", .object((hook.object ?? [:]).merging(change.object ?? [:]) { $1 }))
                #expect(answer.status == 422 && answer.problem == "invalid-input", "\(change)")
                #expect(pointers(answer) == places, "\(change)")
            }
            let path = try #require(try await api.post("/webhooks", hook).headers["location"])
            #expect(pointers(try await patch(api, path, ["secret": "x"])) == ["#/secret"])
            #expect(pointers(try await api.post(path + "/secret", ["overlap_seconds": -1])) == ["#/overlap_seconds"])
            for query in [
                "?limit=0", "?status=gone", "?event=completed", "?since=yesterday", "?webhook=jobs", "?job=x", "?delivered=true",
                "?cursor=1", "?surprise=1",
            ] {
                let answer = try await api.get(path + "/deliveries" + query)
                #expect(answer.status == 422 && answer.problem == "invalid-filter", "\(query)")
            }
            #expect(try await api.get("/webhooks?limit=1").problem == "invalid-query")
        }
    }

    @Test func aJobTellsItsOwnReceiverOnceThereIsASecret() async throws {
        try await withAPI { (api) async throws in
            let submission = JSONValue.object(
                (RunningAPI.crawl.object ?? [:]).merging(["webhook": ["url": "https://own.example/", "events": ["completed"]]]) { $1 })
            let early = try await api.post("/jobs", submission)
            #expect(early.status == 422 && pointers(early) == ["#/webhook"])
            #expect(try await api.get("/webhooks/jobs").json["has_secret"] == false)
            let secret = try await api.send("POST", "/webhooks/jobs/secret")
            #expect(secret.json["webhook_id"] == "jobs" && secret.json["secret"]?.string.flatMap(WebhookSecret.init) != nil)

            let id = try await complete(api, submission)
            let told = try await api.get("/webhooks/jobs/deliveries?job=\(id)").json["deliveries"]?.array
            #expect(told?.count == 1 && told?.first?["url"] == "https://own.example/" && told?.first?["status"] == "pending")
            #expect(try await api.get("/webhooks/jobs/deliveries?job=\(JobID())").json["deliveries"] == [])
            #expect(try await api.get("/webhooks").json["webhooks"] == [])
        }
    }

    @Test func whereNobodyCouldBeToldTheRequestIsRefused() async throws {
        try await withAPI { (api) async throws in
            _ = try await api.send("POST", "/webhooks/jobs/secret")
            let own: JSONValue = ["url": "https://own.example/"]
            let note: JSONValue = ["kind": "note", "input": ["text": "t"], "webhook": own]
            #expect(pointers(try await api.post("/jobs", note)) == ["#/webhook"])
            for (webhook, place) in [
                (["url": "http://own.example/"], "#/webhook/url"), (["events": ["failed"]], "#/webhook/url"),
                (["url": "https://h/", "events": ["started"]], "#/webhook/events"),
                (["url": "https://h/", "secret": "x"], "#/webhook/secret"),
            ] as [(JSONValue, String)] {
                let answer = try await api.post("/jobs", .object((RunningAPI.crawl.object ?? [:]).merging(["webhook": webhook]) { $1 }))
                #expect(answer.status == 422 && pointers(answer) == [place], "\(webhook)")
            }
            let batch = try await api.post("/jobs/batch", ["jobs": [RunningAPI.crawl, note]])
            #expect(
                batch.json["accepted"] == 1
                    && batch.json["items"]?.array?[1]["problem"]?["errors"]?.array?[0]["pointer"] == "#/jobs/1/webhook")
            // A flow records all its jobs: these can be told.
            let flow = try await api.post("/flows", ["jobs": [.object((note.object ?? [:]).merging(["name": "n"]) { $1 })]])
            #expect(flow.status == 202)
        }
    }

    @Test func aScheduleKeepsTheWebhookOfItsJobs() async throws {
        try await withAPI { (api) async throws in
            let schedule: JSONValue = [
                "name": "n", "expression": "@daily", "kind": "web_crawl", "input": ["url": "https://example.com/"],
                "webhook": ["url": "https://own.example/", "events": ["failed"]],
            ]
            #expect(pointers(try await api.post("/schedules", schedule)) == ["#/webhook"])
            _ = try await api.send("POST", "/webhooks/jobs/secret")
            let made = try await api.post("/schedules", schedule)
            #expect(made.status == 201 && made.json["webhook"] == schedule["webhook"])
            let run = try await api.send("POST", (made.headers["location"] ?? "") + "/run")
            let id = try #require(run.jobID)
            let worker = try await HandWorker(api)
            try await worker.finish(worker.startNext(), as: .failed(.permanent("x", type: "x")))
            #expect(try await api.get("/webhooks/jobs/deliveries?job=\(id)").json["deliveries"]?.array?.first?["event"] == "job.failed")
        }
    }

    @Test func deliveriesArePagedReadAndSentAgain() async throws {
        try await withAPI { (api) async throws in
            let path = try #require(try await api.post("/webhooks", ["url": "https://receiver.example/"]).headers["location"])
            for _ in 0..<3 { _ = try await complete(api) }
            let first = try await api.get(path + "/deliveries?limit=2").json
            let cursor = try #require(first["next_cursor"]?.string)
            let rest = try await api.get(path + "/deliveries?limit=2&cursor=\(cursor)&delivered=false").json
            #expect(first["deliveries"]?.array?.count == 2 && rest["deliveries"]?.array?.count == 1 && rest["next_cursor"] == nil)

            let everywhere = "/webhooks/deliveries"
            let newest = first["deliveries"]?.array?.first?["job_id"]?.string ?? ""
            for (query, count) in [
                ("", 3), ("?status=pending", 3), ("?status=pending,failed", 3), ("?status=failed", 0), ("?status=delivered", 0),
                ("?event=job.completed", 3), ("?event=job.failed", 0), ("?job=\(newest)", 1), ("?since=2000-01-01T00:00:00Z", 3),
                ("?until=2000-01-01T00:00:00Z", 0), ("?since=2100-01-01T00:00:00Z", 0), ("?until=2100-01-01T00:00:00Z&delivered=false", 3),
            ] {
                for list in [path + "/deliveries", everywhere] {
                    #expect(try await api.get(list + query).json["deliveries"]?.array?.count == count, "\(list)\(query)")
                }
            }
            #expect(try await api.get(everywhere + "?webhook=jobs").json["deliveries"] == [])
            #expect(try await api.get(everywhere + "?webhook=\(JobID())").problem == "unknown-webhook")
            let other = try #require(try await api.post("/webhooks", ["url": "https://other.example/"]).headers["location"])
            _ = try await complete(api)
            var seen: [String] = []
            var after = ""
            repeat {
                let page = try await api.get(everywhere + "?limit=2" + after).json
                seen += page["deliveries"]?.array?.compactMap { $0["delivery_id"]?.string } ?? []
                after = page["next_cursor"]?.string.map { "&cursor=\($0)" } ?? ""
            } while !after.isEmpty
            #expect(seen.count == 5 && seen == seen.sorted().reversed() && Set(seen).count == 5)
            #expect(try await api.send("DELETE", other).status == 204)
            #expect(try await api.get(everywhere).json["deliveries"]?.array?.count == 4)

            let one = try #require(rest["deliveries"]?.array?.first)
            let place = path + "/deliveries/\(one["delivery_id"]?.string ?? "")"
            let whole = try await api.get(place).json
            #expect(whole["attempts"] == [] && whole["payload"]?.string.flatMap { try? JSONReader.read($0) }?["type"] == "job.completed")
            let busy = try await api.send("POST", place + "/resend")
            #expect(busy.status == 409 && busy.problem == "delivery-under-way" && busy.json["sender"] == one["sender"])
            #expect(try await api.send("POST", "/jobs/\(one["sender"]?.string ?? "")/cancel").status == 200)
            #expect(try await api.get(place).json["status"] == "cancelled")
            #expect(
                try await api.get(everywhere + "?status=cancelled").json["deliveries"]?.array?.first?["delivery_id"] == one["delivery_id"])
            let again = try await api.send("POST", place + "/resend")
            #expect(
                again.status == 202 && again.json["sender"] != one["sender"]
                    && again.headers["location"] == again.json["status_url"]?.string)
            #expect(try await api.get(place).json["sender"] == again.json["sender"])
            _ = try await patch(api, path, ["enabled": false])
            _ = try await api.send("POST", "/jobs/\(again.json["sender"]?.string ?? "")/cancel")
            #expect(try await api.send("POST", place + "/resend").problem == "webhook-disabled")
            #expect(try await api.get(path + "/deliveries/\(JobID())").problem == "unknown-delivery")
        }
    }
}
