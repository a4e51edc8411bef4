import JobDesk
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

/// Workers that speak HTTP: the rules of all workers, on real stores.
@Suite(.timeLimit(.minutes(2))) struct WorkTests {
    @Test func aJobIsTakenReportedAndSettled() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let job = try await work.submit("Ada", ["metadata": ["from": "test"], "session_id": "s1"])
            let taken = try await work.take()
            #expect(taken.id == job && taken.document["kind"] == "greet" && taken.document["attempt"] == 1)
            #expect(taken.document["input"] == ["name": "Ada", "times": 1], "the schema's default is filled in")
            #expect(taken.document["metadata"] == ["from": "test"] && taken.document["session_id"] == "s1")
            #expect(taken.document["heartbeat_seconds"] == 1 && taken.document["alone"] == false)
            let beat = try await taken.say("heartbeat")
            #expect(beat.status == 200 && beat.json["cancel_requested"] == false)
            #expect(
                try await taken.say("progress", ["progress": 40, "step": "bow", "message": "half", "log": ["one", "two"]]).status == 200)
            let document = try await work.api.get("/jobs/\(job)").json
            #expect(document["status"] == "processing" && document["progress"] == 40 && document["step"] == "bow")
            let log = try await work.api.get("/jobs/\(job)/log").json.serialized
            #expect(log.contains("\"one\"") && log.contains("\"two\""))
            let end: JSONValue = ["status": "completed", "result": ["text": "Hello Ada"]]
            #expect(try await taken.settle(end).status == 200)
            #expect(try await taken.settle(end).json["status"] == "settled", "a repeated end is answered as the first")
            let other = try await taken.settle(["status": "failed", "error": ["message": "no"]])
            #expect(other.status == 409 && other.problem == "lease-lost")
            #expect(try await taken.say("heartbeat").problem == "lease-lost")
            #expect(try await work.api.get("/jobs/\(job)/result").json["text"] == "Hello Ada")
            let id = try #require(JobID(job))
            #expect(try await work.api.desk.ledger.job(id)?.state == .completed)
            #expect(try await work.claim() == [])
        }
    }

    @Test func aFailureIsTriedAgainAndThenFinal() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            let first = try await work.take()
            #expect(try await first.settle(["status": "failed", "error": ["message": "later", "type": "busy"]]).status == 200)
            let second = try await work.take()
            #expect(second.document["attempt"] == 2)
            let permanent: JSONValue = ["status": "failed", "error": ["message": "never", "type": "broken", "retry": false]]
            #expect(try await second.settle(permanent).status == 200)
            let document = try await work.api.get("/jobs/\(job)").json
            #expect(document["status"] == "failed" && document["error_type"] == "broken")
            let once = try await work.submit("Bob")
            #expect(try await work.take().settle(["status": "released"]).status == 200)
            let again = try await work.take()
            #expect(again.id == once && again.document["attempt"] == 2)
            #expect(try await again.settle(["status": "failed", "error": ["message": "x"]]).status == 200)
            #expect(try await work.status(once) != "failed", "what was released was not charged")
        }
    }

    @Test func aSilentWorkerIsDeadAndItsLateWordsAreRefused() async throws {
        try await WorkFixture.run(lease: .milliseconds(1500)) { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            let first = try await work.take()
            let second = try await work.take()
            #expect(second.id == job && second.document["attempt"] == 2 && second.lease != first.lease)
            #expect(second.document["alone"] == true, "its worker died with it: it runs alone")
            #expect(try await first.settle(["status": "completed", "result": ["by": "late"]]).problem == "lease-lost")
            #expect(try await first.say("progress", ["progress": 1]).problem == "lease-lost")
            #expect(try await second.settle(["status": "completed", "result": ["by": "second"]]).status == 200)
            #expect(try await work.api.get("/jobs/\(job)/result").json["by"] == "second")
        }
    }

    @Test func aBeatingWorkerKeepsItsJobAndASuspectIsForIdleWorkersOnly() async throws {
        try await WorkFixture.run(lease: .seconds(3)) { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            let first = try await work.take()
            try await first.beating { () async throws in
                #expect(try await work.claim(["wait": 5]) == [], "longer than the lease")
            }
            #expect(try await work.status(job) == "processing")
            // Silent from here on.
            try await eventually { try await work.status(job) == "queued" }
            #expect(try await work.claim(["running": 1, "max": 4]) == [])
            let next = try await work.submit("Bob")
            #expect(try await work.claim(["running": 1, "max": 4]).map(\.id) == [next])
            let alone = try await work.claim(["max": 4])
            #expect(alone.map(\.id) == [job])
        }
    }

    @Test func aJobThatKillsItsWorkersIsADeadLetter() async throws {
        try await WorkFixture.run(lease: .milliseconds(700)) { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            for _ in 0..<4 { _ = try await work.take() }
            try await eventually(within: .seconds(20)) { try await work.status(job) == "failed" }
            #expect(try await work.api.get("/jobs/\(job)").json["error_type"] == "poisoned")
        }
    }

    @Test func aCancelIsToldWithTheNextBeat() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let job = try await work.submit()
            let taken = try await work.take()
            #expect(try await work.api.post("/jobs/\(job)/cancel", [:]).status == 202)
            #expect(try await taken.say("heartbeat").json["cancel_requested"] == true)
            #expect(try await taken.say("progress", ["progress": 2]).json["cancel_requested"] == true)
            #expect(try await taken.settle(["status": "cancelled"]).status == 200)
            #expect(try await work.status(job) == "cancelled")
        }
    }

    @Test func theServerEndsWhatTakesTooLong() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let job = try await work.submit("Ada", ["timeout": 1, "max_attempts": 1])
            let taken = try await work.take()
            try await taken.beating { () async throws in
                try await eventually { try await work.status(job) == "failed" }
            }
            #expect(try await work.api.get("/jobs/\(job)").json["error_type"] == "timeout")
            #expect(try await taken.settle(["status": "completed"]).problem == "lease-lost")
        }
    }

    @Test func pausesAndLimitsHold() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            #expect(try await work.api.post("/queues/greetings/pause", [:]).status == 200)
            _ = try await work.submit("Ada")
            #expect(try await work.claim(["wait": 1]) == [])
            async let waiting = work.claim(["wait": 20])
            #expect(try await work.api.post("/queues/greetings/resume", [:]).status == 200)
            let first = try #require(try await waiting.first)
            #expect(try await first.settle(["status": "completed"]).status == 200)
            let limit = try await work.api.send(
                "PUT", "/limits/kind/greet", ["Content-Type": "application/json"], body: Array(#"{"concurrency": 1}"#.utf8))
            #expect(limit.status == 200, "\(limit.json)")
            for name in ["Bob", "Cy"] { _ = try await work.submit(name) }
            let one = try await work.claim(["max": 5])
            #expect(one.count == 1)
            #expect(try await one[0].settle(["status": "completed"]).status == 200)
            #expect(try await work.claim(["max": 5, "wait": 10]).count == 1)
        }
    }

    @Test func anyReplicaServesAnyCall() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.withReplica { (other) async throws in
                try await work.register()
                let answer = try await other.post("/jobs", ["kind": "greet", "input": ["name": "Ada"]])
                #expect(answer.status == 202, "a kind that was registered elsewhere a moment ago is known")
                let taken = try #require(try await work.claim(["wait": 20]).first)
                #expect(try await taken.say("heartbeat", to: other).status == 200)
                // The process that gave the job away goes; the lease lives.
                async let waiting = work.claim(["wait": 20, "worker": "waiter"])
                try await eventually { try await other.get("/workers").json.serialized.contains("waiter") }
                await work.api.shutDown()
                #expect(try await waiting == [], "who waits is answered")
                #expect(try await taken.say("progress", ["progress": 50], to: other).status == 200)
                let end: JSONValue = ["status": "completed", "result": ["n": 1]]
                #expect(try await taken.settle(end, to: other).status == 200)
                #expect(try await other.get("/jobs/\(taken.id)/result").json["n"] == 1)
            }
        }
    }

    @Test func whoGoesAwayWhileWaitingIsGivenNothing() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let body = #"{"worker": "gone", "kinds": ["greet"], "wait": 30}"#
            let connection = try await RawConnection.open(work.api.port)
            let head = RunningAPI.head("POST", "/work/claim", ["Content-Type": "application/json"], length: body.utf8.count)
            try await connection.send(Array((head + body).utf8))
            try await eventually { try await work.api.get("/workers").json.serialized.contains("\"gone\"") }
            try await connection.close()
            let job = try await work.submit()
            let taken = try await work.take()
            #expect(taken.id == job)
            #expect(taken.document["alone"] == false)
        }
    }

    @Test func manyWaitersShareManyJobs() async throws {
        try await WorkFixture.run(lease: .seconds(7)) { (work) async throws in
            try await work.register(["recorded": false])
            let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        var done: [String] = []
                        while done.count < 5 {
                            for taken in try await work.claim(["wait": 20, "max": 2]) {
                                #expect(try await taken.settle(["status": "completed"]).status == 200)
                                done.append(taken.id)
                            }
                        }
                        return done
                    }
                }
                group.addTask {
                    for number in 0..<140 { _ = try await work.submit("n\(number)") }
                    return []
                }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(Set(ids).count == ids.count && ids.count >= 100)
        }
    }

    @Test func stepsOutliveTheirAttempt() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            _ = try await work.submit()
            let first = try await work.take()
            let path = "/work/\(first.lease)/steps/look%20up"
            #expect(try await work.api.get(path).problem == "unknown-step")
            let body = Array(#"{"result": {"n": 7}}"#.utf8)
            #expect(try await work.api.send("PUT", path, ["Content-Type": "application/json"], body: body).status == 204)
            #expect(try await first.settle(["status": "failed", "error": ["message": "x"]]).status == 200)
            let second = try await work.take()
            #expect(try await work.api.get("/work/\(second.lease)/steps/look%20up").json["result"] == ["n": 7])
            #expect(try await work.api.get(path).problem == "lease-lost")
        }
    }

    @Test func whatDoesNotFitEndsWithoutAWorker() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            let row = try await work.api.pool.query(#"SELECT tidewheel.enqueue('greet', '{"name": "Ada", "times": 0}') AS id"#).first
            let job = try #require(row).string("id")
            try await eventually {
                #expect(try await work.claim() == [])
                return try await work.status(job) == "failed"
            }
            #expect(try await work.api.get("/jobs/\(job)").json["error_type"] == "invalid_input")
        }
    }

    @Test func workersAreShown() async throws {
        try await WorkFixture.run { (work) async throws in
            try await work.register()
            _ = try await work.submit()
            let taken = try await work.take(["worker": "north", "max": 3])
            let workers = try await work.api.get("/workers").json["workers"]?.array ?? []
            let north = try #require(workers.first { $0["name"] == "north" })
            #expect(north["type"] == "http" && north["running"] == 1 && north["slots"] == 3 && north["status"] == "alive")
            #expect(north["queues"] == ["greetings"])
            #expect(workers.count == 2)
            #expect(try await taken.settle(["status": "completed"]).status == 200)
        }
    }
}

extension Taken: Equatable {
    static func == (one: Taken, other: Taken) -> Bool { one.lease == other.lease }
}
