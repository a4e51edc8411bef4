import JobDesk
import JobLedger
import JobModel
import JobQueue
import RedisWire
import Testing

/// A crash between any two steps leaves work for the sweep, never a job that waits for ever or runs twice.
@Suite(.timeLimit(.minutes(1))) struct FlowCrashTests {
    @Test func anEndThatReleasedNobodyIsMended() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"], "c": ["b"]]))
        let claim = try #require(try await fixture.claims()["a"])
        _ = try await fixture.desk.ledger.record(.completed([:]), of: claim, at: .now)
        #expect(try await fixture.claims(by: "w2").isEmpty)
        #expect(try await fixture.desk.sweepFlows(after: nil).moved == 1)
        #expect(try await fixture.desk.sweepFlows(after: nil).moved == 0)
        #expect(try await fixture.runAll(by: "w2") == [["b"], ["c"]])
        #expect(try await fixture.desk.readFlow(flow.flow.id).state == .completed)
    }

    @Test func aReleaseThatRedisNeverHeardOfIsMended() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"]]))
        let claim = try #require(try await fixture.claims()["a"])
        _ = try await fixture.desk.ledger.record(.completed([:]), of: claim, at: .now)
        #expect(try await fixture.desk.ledger.releaseChildren(of: [claim.job.id]).count == 1)
        #expect(try await fixture.state(flow.jobIDs["b"]) == .waiting)
        #expect(try await fixture.desk.sweepFlows(after: nil).moved == 1)
        #expect(try await fixture.desk.sweepFlows(after: nil).moved == 0)
        #expect(try await fixture.runAll(by: "w2") == [["b"]])
    }

    @Test func aCancelThatStoppedHalfWayIsMended() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"], "c": ["b"], "d": ["c"]]))
        let first = try #require(flow.jobIDs["a"])
        _ = try await fixture.desk.ledger.endUnclaimed(first, as: .cancelled(.cancelled), at: .now, by: "api")
        #expect(try await fixture.desk.ledger.releaseChildren(of: [first]).map(\.state) == [.cancelled])
        #expect(try await fixture.desk.sweepFlows(after: nil).moved == 1, "the next one follows it")
        #expect(try await fixture.desk.readFlow(flow.flow.id).state == .cancelled)
        #expect(try await fixture.state(flow.jobIDs["d"]) == .cancelled)
    }

    @Test func aLossOfRedisWhileHalfOfAFlowWaits() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"], "x": [], "y": ["x"], "z": ["b", "y"]]))
        let claims = try await fixture.claims()
        try await fixture.finish(claims["a"])
        try await fixture.forgetRedis()
        _ = try await fixture.desk.reconcile(olderThan: 0)
        _ = try await fixture.desk.sweepFlows(after: nil)
        #expect(try await fixture.state(flow.jobIDs["z"]) == .waiting)
        #expect(try await fixture.desk.finish(try #require(claims["x"]), as: .completed(["late": true])) == .lost, "Redis has forgotten it")
        #expect(try await fixture.runAll(by: "w2").flatMap(\.self).sorted() == ["b", "y", "z"], "x has ended in SQL")
        let ended = try await fixture.desk.readFlow(flow.flow.id)
        #expect(ended.counts[.completed] == 5)
    }

    @Test func aChildOfALostRedisIsQueuedByItsParentsEnd() async throws {
        let fixture = try await DeskFixture()
        let flow = try await fixture.desk.submit(fixture.flow(["a": [], "b": ["a"]]))
        let claim = try await fixture.claims()["a"]
        let child = try #require(flow.jobIDs["b"])
        _ = try await fixture.redis.command(["DEL", .string(fixture.desk.queue.keys.job(child))])
        try await fixture.finish(claim)
        #expect(try await fixture.runAll() == [["b"]])
    }

    @Test func aSweepGoesOnWhereItStopped() async throws {
        let fixture = try await DeskFixture()
        for _ in 0..<2 {
            var request = FlowRequest([.init(name: "a", request: fixture.request())])
            request.members += (0..<600).map { .init(name: "c\($0)", request: fixture.request(), dependsOn: ["a"]) }
            _ = try await fixture.desk.submit(request)
        }
        try await fixture.forgetRedis()
        let first = try await fixture.desk.sweepFlows(after: nil, pages: 1)
        #expect(first.moved == 1_000)
        let second = try await fixture.desk.sweepFlows(after: try #require(first.next), pages: 1)
        #expect(second.moved == 200)
        #expect(second.next == nil)
    }
}
