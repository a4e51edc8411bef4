import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    private let failure = JobFailure.permanent("It is gone", type: "http_404")

    @Test func aRetryOpensANewSeriesOfAttempts() async throws {
        try await LedgerFixture.run { fixture in
            let claim = try await fixture.running(attempt: 3)
            _ = try await fixture.ledger.record(.failed(failure), of: claim, at: .now)
            #expect(try await fixture.ledger.retry([claim.job.id], at: .now) == [claim.job.id])
            #expect(try await fixture.ledger.retry([claim.job.id], at: .now).isEmpty, "the second time it lives already")
            let row = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(row.state == .queued)
            #expect(row.attempt == 3)
            #expect(row.uncharged == 3, "no attempt of the new series is used up")
            #expect(row.error == nil)
            #expect(row.finishedAt == nil)
            #expect(try await fixture.ledger.record(.completed([:]), of: claim, at: .now) != .recorded, "the old attempt is shut out")
            #expect(try await fixture.ledger.recordStart(claim.job.claim(4), at: .now))
            #expect(try await fixture.attempts(of: claim.job.id) == ["failed", "-"])
            let history = try await fixture.ledger.attempts(of: [claim.job.id], last: 10)[claim.job.id]
            #expect(history?.first?.error == "It is gone")
        }
    }

    @Test func whatHasCompletedOrLivesIsLeftAlone() async throws {
        try await LedgerFixture.run { fixture in
            let claim = try await fixture.running()
            #expect(try await fixture.ledger.retry([claim.job.id], at: .now).isEmpty)
            _ = try await fixture.ledger.record(.completed(["n": 1]), of: claim, at: .now)
            #expect(try await fixture.ledger.retry([claim.job.id, JobID()], at: .now).isEmpty)
            #expect(try await fixture.ledger.job(claim.job.id)?.result == ["n": 1])
        }
    }

    @Test func aChildIsNotRetriedWhileItsParentLives() async throws {
        try await LedgerFixture.run { fixture in
            let parent = try await fixture.running()
            var child = Job.sample()
            child.flow = FlowPlace(flow: JobID(), name: "child", parents: [parent.job.id])
            _ = try await fixture.accepted(child)
            _ = try await fixture.ledger.record(.failed(failure), of: parent, at: .now)
            _ = try await fixture.ledger.endUnclaimed(child.id, as: .cancelled(.cancelled), at: .now, by: "t")
            #expect(try await fixture.ledger.retry([parent.job.id], at: .now).count == 1)
            #expect(try await fixture.ledger.retry([child.id], at: .now).isEmpty)
            #expect(try await fixture.ledger.job(child.id)?.state == .cancelled)
            _ = try await fixture.ledger.endUnclaimed(parent.job.id, as: .completed([:]), at: .now, by: "t")
            #expect(try await fixture.ledger.retry([child.id], at: .now).count == 1)
        }
    }

    @Test func deadLettersAreListedByTheirEndAndCounted() async throws {
        try await LedgerFixture.run { fixture in
            var ids: [JobID] = []
            for number in 0..<3 {
                let claim = try await fixture.running()
                let end = Timestamp.now.advanced(byMilliseconds: Int64(-number) * 60_000)
                _ = try await fixture.ledger.record(
                    .failed(.permanent("x", type: number == 1 ? "other" : "http_404")), of: claim, at: end)
                ids.append(claim.job.id)
            }
            _ = try await fixture.running()
            var filter = JobFilter()
            #expect(try await fixture.ledger.listFailed(filter, below: nil, limit: 10).found.map(\.job.id) == ids)
            filter.errorType = "http_404"
            #expect(try await fixture.ledger.listFailed(filter, below: nil, limit: 10).found.map(\.job.id) == [ids[0], ids[2]])
            #expect(try await fixture.ledger.countFailed(filter) == 2)
            filter.since = Timestamp.now.advanced(byMilliseconds: -30_000)
            filter.kinds = ["web_crawl", "document"]
            #expect(try await fixture.ledger.countFailed(filter) == 1)
        }
    }
}
