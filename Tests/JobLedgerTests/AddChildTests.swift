import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct AddChildTests {
    private func request(_ name: String, atOnce: Bool = false, after names: [String] = []) -> ChildRequest {
        var request = ChildRequest(name: name, kind: "web_crawl", input: [:])
        request.startsAfterThisJob = !atOnce
        request.dependsOn = names
        return request
    }

    private func add(_ fixture: LedgerFixture, _ request: ChildRequest, of claim: Claim) async throws -> AddedChild {
        try await fixture.ledger.addChild(.sample(), request, of: claim)
    }

    @Test func aLoneJobFoundsAFlow() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            guard case .added(let child) = try await add(fixture, request("next"), of: claim) else { throw Unexpected("not added") }
            #expect(child.state == .waiting)
            #expect(child.flow?.parents == [claim.job.id])
            let parent = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(parent.flow?.name == "web_crawl")
            #expect(parent.flow?.flow == child.flow?.flow)
            let id = try #require(child.flow?.flow)
            let flow = try await fixture.ledger.flow(id)
            #expect(flow?.jobs == 2)
            #expect(try await fixture.ledger.record(.completed([:]), of: claim, at: .now) == .recordedInFlow)
            #expect(try await fixture.ledger.releaseChildren(of: [claim.job.id]).map(\.id) == [child.id])
        }
    }

    @Test func aNameIsAddedOnceByAllAttemptsTogether() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let ids = try await withThrowingTaskGroup(of: JobID?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        switch try await add(fixture, request("next"), of: claim) {
                        case .added(let job): job.id
                        case .existing(let id): id
                        default: nil
                        }
                    }
                }
                return try await group.reduce(into: Set<JobID?>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            _ = try await fixture.ledger.record(.retry(.retry("x", type: "x"), afterMilliseconds: 0), of: claim, at: .now)
            let second = claim.job.claim(2)
            #expect(try await fixture.ledger.recordStart(second, at: .now))
            guard case .existing(let id) = try await add(fixture, request("next"), of: second) else { throw Unexpected("added again") }
            #expect(ids == [id])
            #expect(try await fixture.number("SELECT job_count::bigint AS n FROM flows") == 2)
        }
    }

    @Test func onlyTheHolderMayAdd() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            try await fixture.ledger.fence([(claim.job.id, 1)])
            guard case .lost = try await add(fixture, request("late"), of: claim) else { throw Unexpected("a fenced attempt added") }
            let second = claim.job.claim(2)
            #expect(try await fixture.ledger.recordStart(second, at: .now))
            guard case .added = try await add(fixture, request("a"), of: second) else { throw Unexpected("the holder may not add") }
            guard case .lost = try await add(fixture, request("b"), of: claim) else { throw Unexpected("an overtaken attempt added") }
            _ = try await fixture.ledger.record(.completed([:]), of: second, at: .now)
            guard case .lost = try await add(fixture, request("c"), of: second) else { throw Unexpected("an ended job added") }
        }
    }

    @Test func childrenMayDependOnEachOther() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            guard case .added(let part) = try await add(fixture, request("part", atOnce: true), of: claim),
                case .added(let whole) = try await add(fixture, request("whole", atOnce: true, after: ["part"]), of: claim)
            else { throw Unexpected("not added") }
            #expect(part.state == .queued)
            #expect(whole.state == .waiting)
            #expect(whole.flow?.parents == [part.id])
            guard case .refused(.unknownParent("nobody")) = try await add(fixture, request("x", after: ["nobody"]), of: claim) else {
                throw Unexpected("an unknown parent")
            }
        }
    }

    @Test func aNameOfAnotherJobIsTaken() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": [], "b": []]))
            #expect(try await fixture.ledger.recordStart(flow["a"].claim(), at: .now))
            guard case .refused(.nameIsTaken) = try await add(fixture, request("b"), of: flow["a"].claim()) else {
                throw Unexpected("the name was taken")
            }
        }
    }

    @Test func nothingIsAddedToACancelledOrFullFlow() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(.sample(["a": []]))
            #expect(try await fixture.ledger.recordStart(flow["a"].claim(), at: .now))
            try await fixture.pool.execute("UPDATE flows SET job_count = \(Flow.maxJobs - 1)")
            guard case .added = try await add(fixture, request("last"), of: flow["a"].claim()) else { throw Unexpected("there was room") }
            guard case .refused(.flowIsFull) = try await add(fixture, request("more"), of: flow["a"].claim()) else {
                throw Unexpected("it was full")
            }
            try await fixture.pool.execute("UPDATE flows SET job_count = 2")
            _ = try await fixture.ledger.cancelFlow(flow.id, at: .now)
            guard case .refused(.flowIsCancelled) = try await add(fixture, request("late"), of: flow["a"].claim()) else {
                throw Unexpected("it was cancelled")
            }
            guard case .existing = try await add(fixture, request("last"), of: flow["a"].claim()) else { throw Unexpected("it is there") }
        }
    }

    /// A child is there before its parent's end is, or not at all: the end never misses it.
    @Test func anEndAtTheSameMomentMissesNoChild() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for round in 0..<30 {
                let claim = try await fixture.running()
                async let adding = add(fixture, request("next"), of: claim)
                async let ending = fixture.ledger.record(.completed([:]), of: claim, at: .now)
                _ = try await ending
                let released = try await fixture.ledger.releaseChildren(of: claim.job.id)
                switch try await adding {
                case .added(let child): #expect(released.map(\.id) == [child.id], "round \(round)")
                case .lost: #expect(released.isEmpty)
                default: Issue.record("neither added nor lost")
                }
            }
        }
    }

    @Test func aCancelAtTheSameMomentMissesNoChild() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for _ in 0..<30 {
                let flow = try await fixture.accepted(.sample(["a": []]))
                #expect(try await fixture.ledger.recordStart(flow["a"].claim(), at: .now))
                async let adding = add(fixture, request("next"), of: flow["a"].claim())
                async let cancelling = fixture.ledger.cancelFlow(flow.id, at: .now)
                _ = try await (adding, cancelling)
                #expect(try await fixture.ledger.flow(flow.id)?.counts[.waiting] == 0)
            }
        }
    }
}
