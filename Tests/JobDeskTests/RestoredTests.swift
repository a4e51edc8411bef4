import JobDesk
import JobLedger
import JobModel
import JobQueue
import PostgresWire
import Testing

/// One of the stores was put back from a copy, and says less than the other one.
@Suite(.timeLimit(.minutes(1))) struct RestoredTests {
    @Test func attemptsOfAnOlderRedisAreCountedUpToTheRows() async throws {
        let fixture = try await DeskFixture()
        let id = try await fixture.desk.submit(fixture.request()).job.id
        try await fixture.desk.ledger.fence([(id, 3)])
        for attempt in 1...3 {
            let claim = try #require(try await fixture.claimed(), "the attempt before was not given back at once")
            #expect(claim.attempt == attempt)
            guard case .refused = try await fixture.desk.start(claim) else { throw Unexpected() }
        }
        let claim = try #require(try await fixture.claimed())
        guard case .go = try await fixture.desk.start(claim) else { throw Unexpected() }
        #expect(claim.attempt == 4 && claim.job.uncharged == 3)
        #expect(try await fixture.desk.ledger.attempts(of: [id], last: 10)[id]?.map(\.number) == [4])
    }

    @Test func aChildThatANewerRedisQueuedWaitsForItsParentsAllTheSame() async throws {
        let fixture = try await DeskFixture()
        let members = [
            FlowRequest.Member(name: "parent", request: fixture.request()),
            FlowRequest.Member(name: "child", request: fixture.request(), dependsOn: ["parent"]),
        ]
        let ids = try await fixture.desk.submit(FlowRequest(members)).jobIDs
        let parent = try #require(try await fixture.claimed())
        #expect(parent.job.id == ids["parent"])
        let childID = try #require(ids["child"])
        var child = try #require(try await fixture.desk.ledger.job(childID))
        child.state = .queued
        #expect(try await fixture.desk.queue.ready(child))
        let early = try #require(try await fixture.claimed())
        guard case .refused = try await fixture.desk.start(early) else { throw Unexpected() }
        #expect(try await fixture.desk.ledger.job(child.id)?.state == .waiting)
        #expect(try await fixture.desk.queue.job(child.id)?.state == .scheduled)
        _ = try await fixture.desk.start(parent)
        #expect(try await fixture.desk.finish(parent, as: .completed([:])) == .settled)
        #expect(try await fixture.desk.ledger.job(child.id)?.state == .queued)
        #expect(try await fixture.desk.queue.promote(child.id) == .scheduled)
        let late = try #require(try await fixture.claimed())
        guard case .go = try await fixture.desk.start(late) else { throw Unexpected() }
    }

    @Test func aRowThatDoesNotKnowACompletionIsToldOfIt() async throws {
        let fixture = try await DeskFixture()
        let id = try await fixture.desk.submit(fixture.request()).job.id
        let claim = try #require(try await fixture.claimed())
        _ = try await fixture.desk.start(claim)
        _ = try await fixture.desk.finish(claim, as: .completed(["n": 7]))
        let end = try await fixture.desk.queue.job(id)?.finishedAt
        try await fixture.pool.execute("UPDATE jobs SET status = 'processing', result = NULL, finished_at = NULL, ended_by = NULL")
        try await fixture.pool.execute("UPDATE job_attempts SET ended_at = NULL, outcome = NULL")
        #expect(try await fixture.desk.reconcile(olderThan: 0) == 0)
        let row = try #require(try await fixture.desk.ledger.job(id))
        #expect(row.state == .completed && row.result == ["n": 7] && row.finishedAt == end)
        #expect(try await fixture.desk.ledger.attempts(of: [id], last: 10)[id]?.map(\.outcome) == ["completed"])
        #expect(try await fixture.claimed() == nil)
    }

    struct Unexpected: Error {}
}
