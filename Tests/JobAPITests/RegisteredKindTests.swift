import JobDesk
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

/// Kinds of other programs: known everywhere, checked like our own, and nobody's queue is taken away.
@Suite(.timeLimit(.minutes(1))) struct RegisteredKindTests {
    @Test func aRegisteredKindIsAKindLikeOthers() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let kind = try await work.api.get("/kinds/greet").json
            #expect(kind["registered"] == true && kind["queue"] == "greetings" && kind["max_attempts"] == 2)
            #expect(kind["input_schema"] == WorkFixture.greet["input_schema"] && kind["backoff"]?["base_seconds"] == 0.001)
            #expect(try await work.api.get("/kinds").json["kinds"]?.array?.map { $0["registered"] == true }.filter { $0 }.count == 1)
            let refused = try await work.api.post("/jobs", ["kind": "greet", "input": ["times": 0, "other": 1]])
            #expect(refused.status == 422)
            let pointers = refused.json["errors"]?.array?.compactMap { $0["pointer"]?.string }.sorted()
            #expect(pointers == ["#/input/name", "#/input/other", "#/input/times"])
            let job = try await work.submit()
            #expect(try await work.api.get("/jobs?kind=greet&queue=greetings").json["jobs"]?.array?.first?["job_id"] == .string(job))
            #expect(try await work.api.get("/queues/greetings").json["waiting"] == 1)
            #expect(try await work.api.get("/health").json["queues"]?.array?.contains { $0["queue"] == "greetings" } == true)
        }
    }

    @Test func sqlKnowsItToo() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let pool = work.api.pool
            let row = try await pool.query(#"SELECT tidewheel.enqueue('greet', '{"name": "Ada"}') AS id"#).first
            let taken = try await work.take()
            let id = try #require(row).string("id")
            #expect(taken.id == id)
            for (input, words) in [(#"{}"#, "is required"), (#"{"name": 1}"#, "JSON string"), (#"{"name": "a", "x": 1}"#, "not a field")] {
                let error = await #expect(throws: (any Error).self) {
                    try await pool.query("SELECT tidewheel.enqueue('greet', '\(input)')")
                }
                #expect("\(String(describing: error))".contains(words))
            }
            try await work.register(["input_schema": ["type": "object"]])
            _ = try await pool.query(#"SELECT tidewheel.enqueue('greet', '{"anything": [1]}')"#)
            try await work.api.desk.ledger.retire(allBut: RunningAPI.catalogue.kinds)
            #expect(try await work.api.desk.ledger.registeredKinds().map(\.name) == ["greet"], "migrate spares it")
        }
    }

    @Test func namesAndQueuesOfOthersAreRefused() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.api.desk.ledger.publish(RunningAPI.catalogue.kinds)
            func post(_ changes: [String: JSONValue]) async throws -> RunningAPI.Answer {
                let kind = JSONValue.object((WorkFixture.greet.object ?? [:]).merging(changes) { $1 })
                return try await work.api.post("/kinds", ["kinds": [kind]])
            }
            #expect(try await post(["kind": "web_crawl"]).problem == "kind-taken")
            #expect(try await post(["queue": "ingest"]).problem == "queue-taken")
            try await work.register()
            #expect(try await post(["kind": "wave"]).problem == "queue-taken", "greet is somebody else's")
            let both = try await work.api.post(
                "/kinds",
                ["kinds": [WorkFixture.greet, .object((WorkFixture.greet.object ?? [:]).merging(["kind": "wave"]) { $1 })]])
            #expect(both.status == 200)
            #expect(try await post(["kind": "Wave"]).status == 422)
            #expect(try await post(["kind": "a b", "queue": "x:y"]).status == 422)
            let elsewhere = try await work.api.post("/jobs", ["kind": "greet", "input": ["name": "a"], "queue": "ingest"])
            #expect(elsewhere.status == 422, "nobody would run it there")
        }
    }

    @Test(arguments: [
        #"{"type": "array"}"#, #"{}"#, #"{"type": "object", "properties": []}"#, #"{"type": "object", "required": [1]}"#,
        ##"{"type": "object", "allOf": [{"$ref": "#"}]}"##, #"{"type": "object", "$ref": "https://example.com/schema"}"#,
        ##"{"type": "object", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##,
    ])
    func hostileSchemasAreRefused(schema: String) async throws {
        let faults = KindRegistration.read(["kind": "k", "summary": "s", "input_schema": try JSONReader.read(schema)])
        #expect(throws: InputShape.Faults.self) { try faults.get() }
    }

    @Test func aKindWithoutLiveJobsCanBeForgotten() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            _ = try await work.submit()
            #expect(try await work.api.send("DELETE", "/kinds/greet").problem == "kind-in-use")
            #expect(try await work.take().settle(["status": "completed"]).status == 200)
            #expect(try await work.api.send("DELETE", "/kinds/greet").status == 204)
            #expect(try await work.api.get("/kinds/greet").status == 404)
            #expect(try await work.api.post("/jobs", ["kind": "greet", "input": ["name": "a"]]).problem == "unknown-kind")
            #expect(try await work.api.send("DELETE", "/kinds/web_crawl").status == 404, "built-in kinds are not forgotten")
        }
    }

    @Test func aReplicaForgetsAndLearnsByItself() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.withReplica { (other) async throws in
                try await work.register()
                try await eventually(within: .seconds(2)) {
                    try await other.get("/kinds").json["kinds"]?.array?.contains { $0["kind"] == "greet" } == true
                }
                #expect(try await work.api.send("DELETE", "/kinds/greet").status == 204)
                try await eventually(within: .seconds(2)) {
                    try await other.get("/kinds").json["kinds"]?.array?.contains { $0["kind"] == "greet" } == false
                }
            }
        }
    }
}
