import JobDesk
import JobLedger
import JobModel
import JobQueue
import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct FlowTests {
    @Test func aDiamondRunsFromTopToBottom() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]]))
        #expect(flow.flow.state == .queued)
        #expect(try await fixture.state(flow.jobIDs["d"]) == .waiting)
        #expect(try await fixture.runAll() == [["a"], ["b", "c"], ["d"]])
        let ended = try await fixture.desk.readFlow(flow.flow.id)
        #expect(ended.state == .completed)
        #expect(ended.counts[.completed] == 4)
        #expect(ended.finishedAt != nil)
    }

    @Test func everyJobIsRecordedWhateverItsKind() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"]], kind: "note"))
        #expect(try await fixture.desk.ledger.jobs(Array(flow.jobIDs.values)).count == 2)
        #expect(try await fixture.runAll() == [["a"], ["b"]])
        #expect(try await fixture.desk.ledger.flow(flow.flow.id)?.state == .completed)
    }

    @Test func aBadFlowIsRefusedWholeWithEveryFault() async throws {
        let fixture = try await DeskFixture()
        var request = fixture.flow(["a": [], "a": ["z"], "b": []])
        request.members[2].request.kind = "nothing"
        request.members[0].request.input = [:]
        let error = await #expect(throws: DeskError.self) { try await fixture.desk.submit(request) }
        guard case .invalid(let faults) = error else {
            Issue.record("not invalid")
            return
        }
        #expect(faults.map(\.pointer).sorted() == ["#/jobs/0/input/url", "#/jobs/1/depends_on/0", "#/jobs/1/name", "#/jobs/2/kind"])
        #expect(try await fixture.desk.listFlows(before: nil, limit: 10).isEmpty)
    }

    @Test func aKeyMakesOneFlow() async throws {
        let fixture = try await DeskFixture()
        let first = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"]], key: "k"))
        let again = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"]], key: "k"))
        #expect(!first.isReplay)
        #expect(again.isReplay)
        #expect(again.flow.id == first.flow.id)
        #expect(again.jobIDs == first.jobIDs)
        let error = await #expect(throws: DeskError.self) { try await fixture.desk.submit(fixture.flow(["x": []], key: "k")) }
        guard case .idempotencyConflict = error else {
            Issue.record("not a conflict")
            return
        }
    }

    @Test func aThousandJobsFanOutAndInOnce() async throws {
        let fixture = try await DeskFixture()
        let middle = (0..<998).map { "m\($0)" }
        var request = FlowRequest([.init(name: "first", request: fixture.request())])
        request.members += middle.map { .init(name: $0, request: fixture.request(), dependsOn: ["first"]) }
        request.members.append(.init(name: "last", request: fixture.request(), dependsOn: middle))
        let flow = try await fixture.desk.submit(request).flow.id
        try await fixture.finish(try await fixture.claims()["first"])
        #expect(try await fixture.desk.readFlow(flow).counts[.queued] == 998)
        var seen: Set<String> = []
        while seen.count < 998 {
            let claims = try await fixture.claims()
            #expect(!claims.isEmpty)
            if claims.isEmpty { break }
            #expect(seen.isDisjoint(with: claims.keys))
            seen.formUnion(claims.keys)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for claim in claims.values { group.addTask { try await fixture.finish(claim) } }
                try await group.waitForAll()
            }
        }
        #expect(seen == Set(middle))
        let last = try await fixture.claims()
        #expect(Array(last.keys) == ["last"])
        #expect(try await fixture.desk.parents(of: try #require(last["last"]).job.id).count == 998)
        try await fixture.finish(last["last"])
        let ended = try await fixture.desk.readFlow(flow)
        #expect(ended.counts[.completed] == 1_000)
        #expect(ended.state == .completed)
    }

    @Test func aFailureGoesDownTheGraph() async throws {
        let fixture = try await DeskFixture()
        var request = fixture.flow(["a": [], "b": ["a"], "c": ["b"], "rescue": ["c"], "other": []])
        request.members[3].onParentFailure = .run
        let flow = try await fixture.desk.submit(request)
        try await fixture.finish(try await fixture.claims()["a"], as: .failed(.permanent("no", type: "x")))
        for name in ["b", "c"] {
            let job = try await fixture.desk.read(try #require(flow.jobIDs[name]))
            #expect(job.state == .cancelled)
            #expect(job.error == (name == "b" ? "Its parent 'a' failed" : "Its parent 'b' was cancelled"))
            #expect(job.errorType == (name == "b" ? "parent_failed" : "parent_cancelled"))
            #expect(try await fixture.state(job.id) == .cancelled, "Redis says the same")
        }
        let rescue = try #require(try await fixture.claims(by: "w2")["rescue"])
        let parents = try await fixture.desk.parents(of: rescue.job.id)
        #expect(parents["c"]?.state == .cancelled)
    }

    @Test func cancellingAParentEndsWhatWaitsForIt() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"], "c": ["b"]]))
        _ = try await fixture.desk.cancel(try #require(flow.jobIDs["b"]))
        #expect(try await fixture.desk.read(try #require(flow.jobIDs["c"])).errorType == "parent_cancelled")
        #expect(try await fixture.state(flow.jobIDs["a"]) == .queued)
    }

    @Test func aCancelInTheMiddleStopsTheWholeFlow() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(
            fixture.flow(["done": [], "runs": ["done"], "waits": ["runs"], "also": ["done"]], policy: .run))
        try await fixture.finish(try await fixture.claims()["done"])
        let running = try #require(try await fixture.claims(count: 1).first)
        let id = flow.flow.id
        #expect(try await fixture.desk.cancelFlow(id).state == .processing)
        #expect(try await fixture.desk.queue.cancelRequests(among: [running.value.job.id]) == [running.value.job.id])
        #expect(try await fixture.state(flow.jobIDs["waits"]) == .cancelled)
        #expect(try await fixture.claims().isEmpty)
        try await fixture.finish(running.value, as: .cancelled(.cancelled))
        #expect(try await fixture.desk.cancelFlow(id).state == .cancelled, "a second cancel is no error")
        #expect(try await fixture.desk.readFlow(id).counts[.cancelled] == 3)
        #expect(try await fixture.claims().isEmpty)
    }

    @Test func aFlowThatEndedCannotBeCancelled() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": []]))
        _ = try await fixture.runAll()
        let error = await #expect(throws: DeskError.self) { try await fixture.desk.cancelFlow(flow.flow.id) }
        guard case .flowEnded(let ended) = error else {
            Issue.record("not the right refusal")
            return
        }
        #expect(ended.state == .completed)
        let unknown = await #expect(throws: DeskError.self) { try await fixture.desk.cancelFlow(JobID()) }
        guard case .unknownFlow = unknown else {
            Issue.record("not the right refusal")
            return
        }
    }

    @Test func aPageShowsHowFarARunningJobIs() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"]]))
        let claim = try #require(try await fixture.claims()["a"])
        let progress = JobProgress(percent: 40, step: "s", message: "m")
        _ = try await fixture.desk.queue.report(JobEvent(.progress), progress: progress, of: claim)
        let jobs = try await fixture.desk.jobs(of: flow.flow.id, after: nil, limit: 10)
        #expect(jobs.map(\.name) == ["a", "b"])
        #expect(jobs.map(\.state) == [.processing, .waiting])
        #expect(jobs.map(\.progress) == [40, 0])
        #expect(jobs[1].parents == ["a"])
    }

    @Test func aRetriedParentLeavesItsCancelledChildToTheCaller() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"], "c": ["b"]]))
        let (parent, child) = (try #require(flow.jobIDs["a"]), try #require(flow.jobIDs["b"]))
        try await fixture.finish(try await fixture.claims()["a"], as: .failed(.permanent("no", type: "x")))
        _ = try await fixture.desk.retry(parent)
        let error = await #expect(throws: DeskError.self) { try await fixture.desk.retry(child) }
        guard case .parentsLive = error else {
            Issue.record("a child was retried before its parent")
            return
        }
        #expect(try await fixture.runAll(by: "w2") == [["a"]])
        #expect(try await fixture.desk.read(child).state == .cancelled)
        _ = try await fixture.desk.retry(child)
        #expect(try await fixture.runAll(by: "w3") == [["b"]])
        #expect(
            try await fixture.desk.readFlow(flow.flow.id).counts
                == Dictionary(
                    uniqueKeysWithValues: JobState.allCases.map { ($0, $0 == .completed ? 2 : $0 == .cancelled ? 1 : 0) }))
    }
}
