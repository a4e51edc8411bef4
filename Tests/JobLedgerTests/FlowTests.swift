import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct FlowTests {
    @Test func aFlowIsThereWholeOrNotAtAll() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let good = NewFlow.sample(["a": [], "b": ["a"]])
            #expect(try await fixture.ledger.accept(good) == .accepted)
            // Its second job has an id that is taken.
            let bad = NewFlow.sample(["c": [], "d": []], idOfLast: good.jobs[0].id)
            await #expect(throws: PostgresError.self) { try await fixture.ledger.accept(bad) }
            #expect(try await fixture.number("SELECT count(*) AS n FROM flows") == 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 2)
            let flow = try #require(try await fixture.ledger.flow(good.id))
            #expect(flow.counts[.queued] == 1)
            #expect(flow.counts[.waiting] == 1)
        }
    }

    @Test func aKeyMakesOneFlow() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let key = IdempotencyKey(scope: "/flows", key: "k", fingerprint: "f")
            let first = NewFlow.sample(["a": []], key: key)
            #expect(try await fixture.ledger.accept(first) == .accepted)
            #expect(try await fixture.ledger.accept(first) == .existing(first.id), "an answer that was lost")
            #expect(try await fixture.ledger.accept(.sample(["a": []], key: key)) == .existing(first.id))
            let other = IdempotencyKey(scope: "/flows", key: "k", fingerprint: "g")
            #expect(try await fixture.ledger.accept(.sample(["b": []], key: other)) == .conflict(first.id))
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 1)
        }
    }

    @Test func aDiamondGoesOnWhenBothSidesHaveEnded() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]]))
            let stranger = try await fixture.running()
            _ = try await fixture.ledger.record(.failed(.permanent("no", type: "x")), of: stranger, at: .now)
            #expect(try await fixture.end("a", of: flow, .completed([:])) == ["b", "c"])
            #expect(try await fixture.end("b", of: flow, .completed([:])) == [])
            #expect(try await fixture.end("c", of: flow, .completed([:])) == ["d"])
            #expect(try await fixture.ledger.job(flow["d"].id)?.state == .queued)
            #expect(try await fixture.ledger.releaseChildren(of: [flow["c"].id]).isEmpty, "each child goes once")
        }
    }

    @Test(arguments: [FlowPlace.ParentFailure.cancel, .run])
    func whatAFailureMeansIsTheChildsChoice(policy: FlowPlace.ParentFailure) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": [], "b": [], "child": ["a", "b"]], policy: policy))
            let failure = JobFailure.permanent("no", type: "x")
            #expect(try await fixture.end("a", of: flow, .failed(failure)) == [], "every parent ends first: a retry may still help")
            #expect(try await fixture.end("b", of: flow, .completed([:])) == ["child"])
            let child = try #require(try await fixture.ledger.job(flow["child"].id))
            #expect(child.state == (policy == .cancel ? .cancelled : .queued))
            #expect(child.error == (policy == .cancel ? "Its parent 'a' failed" : nil))
            #expect(child.errorType == (policy == .cancel ? "parent_failed" : nil))
            #expect((child.finishedAt != nil) == (policy == .cancel))
        }
    }

    @Test func aChildWithATimeOfItsOwnIsScheduled() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let due = Timestamp.now.advanced(byMilliseconds: 3_600_000)
            let flow = try await fixture.accepted(.sample(["a": [], "b": ["a"]]) { if $0.flow?.name == "b" { $0.scheduledAt = due } })
            #expect(try await fixture.end("a", of: flow, .completed([:])) == ["b"])
            #expect(try await fixture.ledger.job(flow["b"].id)?.state == .scheduled)
        }
    }

    /// Of two parents that end at once, at least one sees both ends, and one of them gets the child.
    @Test func parentsThatEndAtOnceReleaseTheChildOnce() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for _ in 0..<20 {
                let flow = try await fixture.accepted(.sample(["a": [], "b": [], "c": [], "child": ["a", "b", "c"]]))
                let released = try await withThrowingTaskGroup(of: [String].self) { group in
                    for name in ["a", "b", "c"] { group.addTask { try await fixture.end(name, of: flow, .completed([:])) } }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(released == ["child"])
            }
        }
    }

    @Test func forgottenChildrenAreFound() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": [], "b": ["a"], "c": ["b"]]))
            let ids = flow.jobs.map(\.id)
            #expect(try await fixture.ledger.releaseForgotten(among: ids).isEmpty)
            _ = try await fixture.ledger.endUnclaimed(flow["a"].id, as: .cancelled(.cancelled), at: .now, by: "api")
            #expect(try await fixture.ledger.releaseChildren(of: [flow["c"].id]).isEmpty, "no child of that one")
            #expect(try await fixture.ledger.releaseForgotten(among: [flow["c"].id]).isEmpty, "not asked for")
            #expect(try await fixture.ledger.heldInFlows(after: nil, limit: 10).map(\.id) == [flow["b"].id, flow["c"].id])
            #expect(try await fixture.ledger.releaseForgotten(among: ids).map(\.flow?.name) == ["b"])
            #expect(try await fixture.ledger.releaseForgotten(among: ids).map(\.errorType) == ["parent_cancelled"])
        }
    }

    @Test func endsSayWhetherAFlowWaitsForThem() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": [], "b": []]))
            let claim = flow["a"].claim()
            for _ in 0..<2 { #expect(try await fixture.ledger.record(.completed([:]), of: claim, at: .now) == .recordedInFlow) }
            for _ in 0..<2 {
                let ended = try await fixture.ledger.endUnclaimed(flow["b"].id, as: .cancelled(.cancelled), at: .now, by: "api")
                #expect(ended == .recordedInFlow)
            }
        }
    }

    @Test func aCancelEndsWhatHasNotStarted() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["done": [], "runs": [], "queued": [], "waits": ["runs"]], policy: .run))
            let stranger = try await fixture.accepted(.sample(["a": []]))
            _ = try await fixture.ledger.record(.handBack, of: flow["queued"].claim(), at: .now)
            _ = try await fixture.end("done", of: flow, .completed([:]))
            #expect(try await fixture.ledger.recordStart(flow["runs"].claim(), at: .now))
            let live = try #require(try await fixture.ledger.cancelFlow(flow.id, at: .now))
            #expect(live.map(\.state) == [.processing, .queued, .waiting])
            let now = try #require(try await fixture.ledger.flow(flow.id))
            #expect(now.counts[.cancelled] == 2)
            #expect(now.state == .processing)
            #expect(now.cancelRequestedAt != nil)
            #expect(try await fixture.attempts(of: flow["queued"].id) == ["handed_back"])
            #expect(try await fixture.ledger.job(stranger["a"].id)?.state == .queued)
            #expect(try await fixture.ledger.cancelFlow(JobID(), at: .now) == nil)
        }
    }

    @Test func aFlowThatHasEndedIsNotCancelled() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": []]))
            _ = try await fixture.end("a", of: flow, .completed([:]))
            #expect(try await fixture.ledger.cancelFlow(flow.id, at: .now)?.isEmpty == true)
            #expect(try await fixture.ledger.flow(flow.id)?.cancelRequestedAt == nil)
            #expect(try await fixture.ledger.flow(flow.id)?.finishedAt != nil)
        }
    }

    @Test func parentsShowWhatTheyLeft() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["good": [], "bad": [], "child": ["good", "bad"]], policy: .run))
            _ = try await fixture.end("good", of: flow, .completed(["n": 1]))
            _ = try await fixture.end("bad", of: flow, .failed(.permanent("no", type: "x")))
            let parents = try #require(try await fixture.ledger.parents(of: flow["child"].id, maxBytes: 1000))
            #expect(parents["good"]?.result == ["n": 1])
            #expect(parents["bad"]?.state == .failed)
            #expect(parents["bad"]?.errorType == "x")
            #expect(try await fixture.ledger.parents(of: flow["child"].id, maxBytes: 3) == nil)
            #expect(try await fixture.ledger.parents(of: flow["good"].id, maxBytes: 3) == [:])
        }
    }

    @Test func pagesShowEveryJobOnceInItsOrder() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let nodes = (0..<25).map { ("j\($0)", $0 == 0 ? [] : ["j0"]) }
            let flow = try await fixture.accepted(.sample(nodes))
            var seen: [FlowJob] = []
            while true {
                let page = try await fixture.ledger.flowJobs(flow.id, after: seen.last?.id, limit: 10)
                seen += page
                if page.count < 10 { break }
            }
            #expect(seen.map(\.name) == nodes.map(\.0))
            #expect(seen[1].parents == ["j0"])
            let ids = try await fixture.ledger.flowNames(flow.id)
            #expect(ids.count == 25)
        }
    }

    @Test func flowsAreListedNewestFirst() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var ids: [JobID] = []
            for second in 0..<5 {
                let time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(second))
                ids.append(try await fixture.accepted(.sample(["a": []], at: time)).id)
            }
            let first = try await fixture.ledger.flows(before: nil, limit: 3)
            #expect(first.map(\.id) == Array(ids.reversed().prefix(3)))
            #expect(try await fixture.ledger.flows(before: first.last?.id, limit: 3).map(\.id) == [ids[1], ids[0]])
        }
    }
}
