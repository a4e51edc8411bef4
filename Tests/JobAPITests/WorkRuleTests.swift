import JobDesk
import JobLedger
import JobModel
import TestServers
import Testing

/// What HTTP workers and their kinds do to each other: nobody's job is stranded, blocked or ended by mistake.
@Suite(.timeLimit(.minutes(2))) struct WorkRuleTests {
    private let done: JSONValue = ["status": "completed", "result": ["n": 1]]

    @Test(arguments: [true, false]) func aKindWithJobsKeepsItsQueue(isRecorded: Bool) async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register(["recorded": .boolean(isRecorded)])
            _ = try await work.submit()
            let moved = try await work.api.post("/kinds", ["kinds": [work.greet(["queue": "hall", "recorded": .boolean(isRecorded)])]])
            #expect(moved.status == 409 && moved.problem == "kind-in-use", "\(moved.json)")
            #expect(try await work.take().settle(done).status == 200, "its workers still find it")
            try await work.register(["queue": "hall"])
            #expect(try await work.api.get("/kinds/greet").json["queue"] == "hall")
        }
    }

    /// The worker of the queue runs `greet`, but not `bow`: a newer version of it will.
    @Test func jobsOfAnotherKindBlockNobody() async throws {
        try await WorkFixture.run { (work) async throws in
            let bow = work.greet(["kind": "bow"])
            #expect(try await work.api.post("/kinds", ["kinds": [WorkFixture.greet, bow]]).status == 200)
            let first = try await work.submit(kind: "bow", ["max_attempts": 1])
            let second = try await work.submit(kind: "greet")
            #expect(try await work.claim(["max": 2]).map(\.id) == [second])
            let waiting = try await work.api.get("/jobs/\(first)").json
            #expect(waiting["status"] == "scheduled" && waiting["error_type"] == "other_worker", "\(waiting)")
            let taken = try await work.take(["kinds": ["greet", "bow"]])
            #expect(taken.id == first && taken.document["attempt"] == 2)
            #expect(try await taken.settle(["status": "failed", "error": ["message": "later"]]).status == 200)
            #expect(try await work.api.get("/jobs/\(first)").json["error_type"] == "error", "its first attempt was this one")
        }
    }

    @Test func anEndOfTheServersIsNotTheWorkers() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register(["recorded": false])
            let job = try await work.submit("Ada", ["timeout": 1, "max_attempts": 1])
            let taken = try await work.take()
            try await taken.beating { () async throws in
                try await eventually { try await work.status(job) == "failed" }
            }
            #expect(try await taken.settle(done).problem == "lease-lost")
            #expect(try await taken.settle(["status": "failed", "error": ["message": "mine"]]).problem == "lease-lost")
            #expect(try await work.api.get("/jobs/\(job)").json["error_type"] == "timeout")
        }
    }

    @Test(arguments: [true, false]) func everyEndMayBeSaidAgain(isRecorded: Bool) async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register(["recorded": .boolean(isRecorded), "backoff": ["base_seconds": 60]])
            let ends: [JSONValue] = [
                done, ["status": "failed", "error": ["message": "later", "type": "busy"]], ["status": "released"],
                ["status": "failed", "error": ["message": "never", "retry": false]],
            ]
            for (number, end) in ends.enumerated() {
                // With a key the job waits for its turn, and has no entry.
                _ = try await work.submit("n\(number)", ["concurrency_key": .string("k\(number)")])
                let taken = try await work.take()
                #expect(try await taken.settle(end).status == 200)
                #expect(try await taken.settle(end).status == 200, "\(end) again")
                let other: JSONValue = end["status"] == "completed" ? ends[1] : done
                #expect(try await taken.settle(other).problem == "lease-lost")
                if end["status"] == "released" { #expect(try await work.take().settle(done).status == 200) }
            }
        }
    }

    /// A process that looked at the kinds before the last change of one.
    @Test func whatIsKnownOfAKindMayBeOld() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let late = JobDesk(queue: work.api.desk.queue, ledger: work.api.desk.ledger, catalogue: RunningAPI.catalogue, logger: quiet)
            await late.refreshKinds()
            let kind = try #require(late.catalogue["greet"])
            try await work.register(["input_schema": ["type": "object", "required": ["whom"]]])
            let answer = try await work.api.post("/jobs", ["kind": "greet", "input": ["whom": "Ada"]])
            #expect(answer.status == 202)
            let order = WorkOrder(worker: "late", kinds: [kind], most: 1, patience: .zero, running: 0, host: "")
            let taken = try await late.takeWork(order)
            #expect(taken.jobs.map { $0.claim.job.id.description } == [answer.json["job_id"]?.string])
        }
    }

    @Test func aClaimChangesNoKindAndOwnsNoBuiltInOne() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.api.desk.ledger.publish(RunningAPI.catalogue.kinds)
            func claim(_ kinds: JSONValue...) async throws -> RunningAPI.Answer {
                try await work.api.post("/work/claim", ["worker": "w", "kinds": .array(kinds)])
            }
            #expect(try await claim(WorkFixture.greet).status == 200)
            #expect(try await claim(work.greet(["summary": "Another version"])).status == 200)
            #expect(try await work.api.get("/kinds/greet").json["summary"] == "Greets somebody")
            let sly = work.greet(["kind": "sly", "queue": "ingest"])
            #expect(try await claim(sly, "web_crawl").status == 422)
            #expect(try await work.api.get("/kinds/sly").status == 404, "it was looked at before anything was registered")
            let kind = try KindRegistration.read(sly).get()
            await #expect(throws: DeskError.self) { try await work.api.desk.register([kind], running: ["web_crawl", "document"]) }
            #expect(try await claim().status == 422)
        }
    }

    @Test func onlyItsHolderKnowsALease() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            let taken = try await work.take()
            let secret = try #require(taken.lease.split(separator: ".").first)
            let shown = try await work.api.get("/jobs/\(job)/attempts").json["attempts"]?.array?.first?["worker"]?.string
            let worker = try #require(shown)
            for path in ["/jobs/\(job)", "/jobs/\(job)/log", "/jobs/\(job)/attempts", "/workers"] {
                #expect(try await !work.api.get(path).json.serialized.contains(secret), "\(path)")
            }
            for word in [worker, String(worker.dropFirst("http-".count))] {
                let forged = try await work.api.post("/work/\(word).\(job).1/settle", done)
                #expect([404, 409].contains(forged.status))
            }
            #expect(try await taken.settle(done).status == 200)
        }
    }

    @Test func aBusyWorkerIsToldOfSuspectsAndRingsForThemGoToIdleOnes() async throws {
        try await WorkFixture.run(lease: .milliseconds(1500)) { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            _ = try await work.take()
            try await eventually { try await work.status(job) == "queued" }
            let busy = try await work.api.post("/work/claim", ["worker": "busy", "kinds": ["greet"], "running": 1])
            #expect(busy.json["jobs"] == [] && busy.json["suspects_wait"] == true)
            let idle = try await work.api.post("/work/claim", ["worker": "idle", "kinds": ["greet"]])
            #expect(idle.json["jobs"]?.array?.first?["job_id"] == .string(job) && idle.json["suspects_wait"] == false)
            let after = try await work.api.post("/work/claim", ["worker": "busy", "kinds": ["greet"], "running": 1])
            #expect(after.json["suspects_wait"] == false)
        }
    }

    @Test func estimatesLearnFromThem() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            _ = try await work.submit()
            #expect(try await work.take().settle(done).status == 200)
            // Another process, that knows what Redis knows.
            let other = JobDesk(queue: work.api.desk.queue, ledger: work.api.desk.ledger, catalogue: RunningAPI.catalogue, logger: quiet)
            await other.refreshKinds()
            try await eventually {
                try await other.durations.refresh()
                return !other.durations.history(of: "greet").filled.isEmpty
            }
        }
    }

    @Test func wordsWithoutAPercentageAreRefused() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            _ = try await work.submit()
            let taken = try await work.take()
            let refused = try await taken.say("progress", ["message": "half way"])
            #expect(refused.status == 422 && refused.json["errors"]?.array?.first?["pointer"] == "#/progress")
        }
    }
}

extension WorkFixture {
    /// The registration of `greet` with some members changed.
    func greet(_ changes: [String: JSONValue]) -> JSONValue {
        .object((WorkFixture.greet.object ?? [:]).merging(changes) { $1 })
    }
}
