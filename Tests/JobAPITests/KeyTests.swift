import JobDesk
import JobLedger
import JobModel
import PostgresWire
import PrivateServers
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct KeyTests {
    private func required(_ settings: inout JobServerSettings) { settings.callers = .required }

    @Test func withoutAKeyOnlyLoadBalancersAreAnswered() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            #expect(try await api.get("/livez").status == 200)
            #expect(try await api.get("/readyz").status == 200)
            for path in ["/jobs", "/health", "/queues", "/schedules"] {
                let answer = try await api.get(path)
                #expect(answer.status == 401, "\(path)")
                #expect(answer.problem == "missing-key")
                #expect(answer.headers["www-authenticate"] == "Bearer realm=\"tidewheel\"")
            }
            #expect(try await api.get("/jobs", ["Authorization": "Basic YTpi"]).problem == "missing-key")
        }
    }

    @Test func aScopeOpensItsRoutesOnly() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let read = try await api.key([.read])
            let submit = try await api.key([.submit])
            let manage = try await api.key([.manage])
            #expect(try await api.get("/jobs", read).status == 200)
            let made = try await api.post("/jobs", RunningAPI.crawl, submit)
            #expect(made.status == 202)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl, api.key([.submit])).jobID)
            let refused = try await api.send("POST", "/jobs/\(id)/cancel", submit)
            #expect(refused.status == 403)
            #expect(refused.problem == "missing-scope")
            #expect(refused.json["scope"] == "manage")
            #expect(
                refused.headers["www-authenticate"] == "Bearer realm=\"tidewheel\", error=\"insufficient_scope\", scope=\"manage\"")
            #expect(try await api.post("/jobs", RunningAPI.crawl, read).json["scope"] == "submit")
            #expect(try await api.get("/jobs/\(id)", manage).json["scope"] == "read")
            #expect(try await api.send("POST", "/jobs/\(id)/cancel", manage).status == 200)
        }
    }

    @Test func whoSubmitsCancelsAndRetriesOwnJobsOnly() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let owner = try await api.key([.submit])
            let other = try await api.key([.submit])
            for body: JSONValue in [RunningAPI.crawl, ["kind": "note", "input": ["text": "t"]]] {
                let id = try #require(try await api.post("/jobs", body, owner).jobID)
                for step in ["cancel", "retry"] {
                    let refused = try await api.send("POST", "/jobs/\(id)/\(step)", other)
                    #expect(refused.status == 403 && refused.json["scope"] == "manage")
                    #expect(try await api.send("POST", "/jobs/\(id)/\(step)", owner).status == (step == "cancel" ? 200 : 202))
                }
                // A reader needs more than having looked, and promoting is nobody's own.
                #expect(try await api.send("POST", "/jobs/\(id)/cancel", api.key([.read])).json["scope"] == "manage")
                #expect(try await api.send("POST", "/jobs/\(id)/promote", owner).json["scope"] == "manage")
            }
            // Not made with any key: nobody's own.
            _ = try await api.desk.ledger.publish(RunningAPI.catalogue.kinds)
            let inner = try await api.pool.query("SELECT tidewheel.enqueue('web_crawl', '{\"url\": \"https://example.com/\"}')::text AS id")
            let id = try #require(try inner.first?.string("id"))
            #expect(try await api.send("POST", "/jobs/\(id)/cancel", owner).status == 403)
            #expect(try await api.send("POST", "/jobs/\(JobID())/cancel", owner).status == 404)
            // What was refused is written down as well.
            let manager = try await api.key([.manage])
            let entries = try await api.get("/audit?action=job.cancel&target=\(id)", manager).json["entries"]?.array
            #expect(entries?.first?["outcome"] == "refused" && entries?.first?["problem"] == "missing-scope")
        }
    }

    @Test func aRetryOfOnesOwnJobIsChargedLikeANewOne() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let owner = try await api.key([.submit]) { $0.jobsADay = 2 }
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl, owner).jobID)
            for (step, status) in [("cancel", 200), ("retry", 202), ("retry", 202), ("cancel", 200), ("retry", 429)] {
                #expect(try await api.send("POST", "/jobs/\(id)/\(step)", owner).status == status, "\(step)")
            }
            #expect(try await api.send("POST", "/jobs/\(id)/retry", api.key([.manage]) { $0.jobsADay = 1 }).status == 202)
        }
    }

    @Test func whatIsNoKeyIsRefused() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let good = try await api.key([.read])
            let text = String(try #require(good["Authorization"]).dropFirst("Bearer ".count))
            let stranger = APIKeyText.make().text
            // The id of one, the secret of the other, with a checksum that fits.
            let forged = forgery(id: text, secret: stranger)
            for wrong in [stranger, forged, text.uppercased(), String(text.dropLast()), text + "0", "x", ""] {
                let answer = try await api.get("/jobs", ["Authorization": "Bearer \(wrong)"])
                #expect(answer.status == 401, "\(wrong)")
            }
            let told = try await api.get("/jobs", ["Authorization": "Bearer \(stranger)"])
            #expect(told.problem == "wrong-key")
            #expect(told.headers["www-authenticate"] == "Bearer realm=\"tidewheel\", error=\"invalid_token\"")
            #expect(!String(decoding: told.body, as: UTF8.self).contains(stranger.dropFirst(8)))
            #expect(try await api.get("/jobs", good).status == 200)
            #expect(try await api.get("/jobs", ["authorization": "bearer \(text)"]).status == 200)
        }
    }

    private func forgery(id: String, secret: String) -> String {
        let body = String(id.prefix(21) + secret.dropFirst(21).prefix(64))
        return body + Digest.sha256(body).prefix(8)
    }

    @Test func anExpiredKeyIsRefused() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let expired = try await api.key([.read]) { $0.expiresAt = .now.advanced(byMilliseconds: -1) }
            let lasting = try await api.key([.read]) { $0.expiresAt = .now.advanced(byMilliseconds: 60_000) }
            #expect(try await api.get("/jobs", expired).problem == "wrong-key")
            #expect(try await api.get("/jobs", lasting).status == 200)
        }
    }

    @Test func aRevokedKeyIsRefusedSoonAfter() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.read])
            #expect(try await api.get("/jobs", key).status == 200)
            let id = String(try #require(key["Authorization"]).dropFirst("Bearer twk_".count).prefix(16))
            #expect(try await api.desk.ledger.revokeKey(id, by: AuditEntry(actor: .console, action: "key.revoke")))
            try await eventually(within: .seconds(4)) { try await api.get("/jobs", key).status == 401 }
            #expect(try await api.desk.ledger.revokeKey(id, by: AuditEntry(actor: .console, action: "key.revoke")) == false)
        }
    }

    @Test func anOpenStreamShowsNothingMoreToAKeyThatWasRevoked() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let (watcher, other) = (try await api.key([.read]), try await api.key([.read, .submit]))
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl, other).jobID)
            let streams = [
                try await EventStreamTests.Stream(api, id, watcher), try await EventStreamTests.Stream(api, id, other),
            ]
            let claim = try await worker.startNext()
            for stream in streams { for name in ["queued", "started"] { #expect(try await stream.event()?.name == name) } }
            let key = String(try #require(watcher["Authorization"]).dropFirst("Bearer twk_".count).prefix(16))
            #expect(try await api.desk.ledger.revokeKey(key, by: AuditEntry(actor: .console, action: "key.revoke")))
            try await eventually(within: .seconds(4)) { try await api.get("/jobs", watcher).status == 401 }
            try await worker.finish(claim, as: .completed(["secret": 1]))
            #expect(try await streams[0].rest() == [])
            #expect(try await streams[1].rest().map(\.name) == ["completed"])
        }
    }

    @Test func whoSendsManyWrongKeysIsToldToWaitAndOthersAreNot() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let good = try await api.key([.read])
            for _ in 0..<Strikes.most {
                #expect(try await api.get("/jobs", ["Authorization": "Bearer \(APIKeyText.make().text)"]).status == 401)
            }
            let refused = try await api.get("/jobs", ["Authorization": "Bearer \(APIKeyText.make().text)"])
            #expect(refused.status == 429)
            #expect(refused.problem == "too-many-wrong-keys")
            #expect(refused.headers["retry-after"].flatMap { Int($0) } != nil)
            #expect(try await api.get("/jobs", good).status == 200)
        }
    }

    /// Every statement of the ring is counted by PostgreSQL itself.
    @Test func aFloodOfWrongKeysIsNoFloodOfSQL() async throws {
        let postgres = try await TestPostgres.own()
        try await withAPI(postgres: postgres) {
            required(&$0)
        } _: { (api) async throws in
            let good = try await api.key([.read])
            #expect(try await api.get("/jobs", good).status == 200)
            let clock = ContinuousClock()
            let start = clock.now
            let before = try await looks(postgres)
            for _ in 0..<300 { _ = try await api.get("/queues", ["Authorization": "Bearer \(APIKeyText.make().text)"]) }
            let seconds = Int64((clock.now - start).components.seconds)
            // One look for each that was answered patiently, one every two seconds by the clock, one for the announcement, one in flight; and what
            // writing the good key's use takes, once.
            #expect(try await looks(postgres) - before <= Int64(Strikes.most) + seconds / 2 + 3 + 6)
        }
    }

    /// How often the table was read.
    private func looks(_ postgres: PrivatePostgres) async throws -> Int64 {
        let lines = try await postgres.run("SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'api_keys'")
        return try #require(lines.first.flatMap { Int64($0) })
    }

    @Test func theLastUseIsWrittenDownAndAtMostOnceAMinute() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let used = try await api.key([.read])
            _ = try await api.key([.submit])
            func row(_ what: String) async throws -> Int64 {
                try await api.pool.query("SELECT \(what) AS n FROM api_keys WHERE scopes = '{read}'").first?.int("n") ?? -1
            }
            // A key that is refused for its scope was used all the same.
            #expect(try await api.post("/jobs", RunningAPI.crawl, used).status == 403)
            try await eventually { try await row("count(last_used_at)") == 1 }
            let first = try await row("xmin::text::bigint")
            for _ in 0..<5 { #expect(try await api.get("/queues", used).status == 200) }
            let id = String(try #require(used["Authorization"]).dropFirst("Bearer twk_".count).prefix(16))
            try await api.desk.ledger.noteUses([id: .now])
            #expect(try await row("xmin::text::bigint") == first, "another process, within the minute")
            try await api.desk.ledger.noteUses([id: .now.advanced(byMilliseconds: 61_000)])
            #expect(try await row("xmin::text::bigint") != first)
            #expect(try await row("(SELECT count(last_used_at) FROM api_keys WHERE scopes = '{submit}')") == 0)
        }
    }

    /// Else every use would make every API process read all keys again.
    @Test func aUseIsNotAnnounced() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.read])
            let definition = "SELECT pg_get_triggerdef(oid) AS t FROM pg_trigger WHERE tgname = 'api_keys_changed'"
            let text = try #require(try await api.pool.query(definition).first?.string("t"))
            #expect(!text.contains("last_used_at") && text.contains("UPDATE OF"))
            for column in ["hash", "scopes", "rate_count", "burst", "jobs_a_day", "live_jobs", "expires_at", "revoked_at"] {
                #expect(text.contains(column), "\(column)")
            }
            // By hand, as before.
            try await api.pool.script("UPDATE api_keys SET expires_at = now() - interval '1 s'")
            try await eventually(within: .seconds(4)) { try await api.get("/queues", key).status == 401 }
        }
    }

    @Test func withoutPostgreSQLKnownKeysGoOnAndOthersAreAskedToWait() async throws {
        let postgres = try await TestPostgres.own()
        try await withAPI(postgres: postgres) {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.read])
            #expect(try await api.get("/queues", key).status == 200)
            postgres.kill()
            _ = await postgres.exit()
            #expect(try await api.get("/queues", key).status == 200)
            #expect(try await api.get("/queues", ["Authorization": "Bearer \(APIKeyText.make().text)"]).status == 401)
        }
    }

    @Test func anAPIThatNeverSawTheKeysSaysSo() async throws {
        let postgres = try await TestPostgres.own()
        try await withAPI(postgres: postgres) {
            required(&$0)
        } _: { (api) async throws in
            postgres.kill()
            _ = await postgres.exit()
            try await eventually(within: .seconds(5)) {
                let answer = try await api.get("/queues", ["Authorization": "Bearer \(APIKeyText.make().text)"])
                return answer.status == 503 || answer.status == 401
            }
        }
    }

    @Test func strikesAreForgottenAfterAWhileAndBounded() {
        let strikes = Strikes()
        let now = ContinuousClock.now
        #expect(strikes.add("a", at: now) == .first)
        for _ in 1..<Strikes.most { #expect(strikes.add("a", at: now) == .more) }
        #expect(strikes.isOut("a", at: now))
        #expect(!strikes.isOut("b", at: now))
        #expect(strikes.add("a", at: now) == .tooMany(retryAfter: 60))
        #expect(strikes.add("b", at: now) == .first)
        #expect(strikes.add("a", at: now + Strikes.window) == .first)
        for number in 0..<Strikes.mostAddresses { _ = strikes.add("\(number)", at: now + Strikes.window) }
        #expect(strikes.add("a", at: now + Strikes.window) == .first)
    }
}

extension RunningAPI {
    /// The headers of a new key with these scopes.
    func key(_ scopes: Set<APIKey.Scope>, _ adjust: (inout APIKey) -> Void = { _ in }) async throws -> [String: String] {
        let text = APIKeyText.make()
        var key = APIKey(id: text.id, name: "test", scopes: scopes)
        adjust(&key)
        _ = try await desk.ledger.createKey(key, hash: text.hash, by: AuditEntry(actor: .console, action: "key.create"))
        return ["Authorization": "Bearer \(text.text)"]
    }
}
