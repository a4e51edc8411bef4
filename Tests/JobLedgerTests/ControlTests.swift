import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct ControlTests {
    @Test func `A limit is kept as it was said, and replaced as a whole`() async throws {
        try await LedgerFixture.run { fixture in
            let rate = Limit.Rate(count: 10, perMilliseconds: 60_000, burst: 3)
            try await fixture.ledger.set(Limit(scope: .kind, name: "web_crawl", concurrency: 2, rate: rate))
            try await fixture.ledger.set(Limit(scope: .key, name: "tenant-7", weight: 4))
            #expect(
                try await fixture.ledger.limits() == [
                    Limit(scope: .key, name: "tenant-7", weight: 4), Limit(scope: .kind, name: "web_crawl", concurrency: 2, rate: rate),
                ])
            try await fixture.ledger.set(Limit(scope: .kind, name: "web_crawl", concurrency: 5))
            #expect(try await fixture.ledger.limits().last == Limit(scope: .kind, name: "web_crawl", concurrency: 5))
            #expect(try await fixture.ledger.removeLimit(.kind, "web_crawl"))
            #expect(try await !fixture.ledger.removeLimit(.kind, "web_crawl"))
            #expect(try await fixture.ledger.limits().map(\.name) == ["tenant-7"])
        }
    }

    @Test func `A second pause changes neither the time nor the name`() async throws {
        try await LedgerFixture.run { fixture in
            try await fixture.ledger.pause("ingest", by: "ada")
            let first = try await fixture.ledger.pausedQueues()
            try await fixture.ledger.pause("ingest", by: "bob")
            #expect(try await fixture.ledger.pausedQueues() == first)
            #expect(first.map(\.by) == ["ada"])
            for _ in 0..<2 { try await fixture.ledger.resume("ingest") }
            #expect(try await fixture.ledger.pausedQueues().isEmpty)
            try await fixture.ledger.pause("ingest", by: nil)
            #expect(try await fixture.ledger.pausedQueues().map(\.by) == [nil])
        }
    }

    @Test func `Only a scheduled job is promoted`() async throws {
        try await LedgerFixture.run { fixture in
            var job = Job.sample()
            job.state = .scheduled
            job.scheduledAt = Timestamp.now.advanced(byMilliseconds: 3_600_000)
            _ = try await fixture.accepted(job)
            let now = Timestamp.now
            #expect(try await fixture.ledger.promote(job.id, at: now))
            let row = try await fixture.ledger.job(job.id)
            #expect(row?.state == .queued)
            #expect(row?.scheduledAt == now)
            #expect(try await !fixture.ledger.promote(job.id, at: now))
            #expect(try await !fixture.ledger.promote(fixture.running().job.id, at: now))
        }
    }
}
