import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite struct AcceptTests {
    @Test(.timeLimit(.minutes(1))) func `A job comes back from its row as it went in`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var job = Job.sample()
            job.title = "quotes \" and \\ and '; DROP TABLE jobs; -- 🦑"
            job.subject = "{a,b}"
            job.sessionID = "NULL"
            job.tags = ["", "NULL", "a,b", "\"q\"", "\\", "🦑"]
            job.metadata = ["deep": ["x": [1, 2.5, .null, "é"]]]
            job.priority = .urgent
            job.state = .scheduled
            job.scheduledAt = Timestamp(milliseconds: 1_900_000_000_123)
            job.traceparent = "00-1-2-01"
            job.attempt = 4
            job.uncharged = 2
            _ = try await fixture.accepted(job)
            #expect(try await fixture.ledger.job(job.id) == job)
        }
    }

    private func unique(_ span: Uniqueness.Span, kind: String = "web_crawl", key: String = "k") -> Job {
        var job = Job.sample()
        job.kind = kind
        job.uniqueness = Uniqueness(key: key, span: span)
        return job
    }

    /// Whoever took the key in Redis so long ago that another one got it meanwhile is told so.
    @Test(.timeLimit(.minutes(1)), arguments: [Uniqueness.Span.whileActive, .whileQueued, .window(milliseconds: 3_600_000)])
    func `A unique key that a row holds lets no other row in`(span: Uniqueness.Span) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.accepted(unique(span))
            #expect(try await fixture.ledger.accept(unique(span), idempotency: nil) == .duplicate(first.id))
            #expect(try await fixture.ledger.accept(first, idempotency: nil) == .existing(first.id))
            _ = try await fixture.accepted(unique(span, kind: "document"))
            _ = try await fixture.accepted(unique(span, key: "other"))
            let key = IdempotencyKey(scope: "api", key: "i", fingerprint: "f")
            #expect(try await fixture.ledger.accept(unique(span), idempotency: key) == .duplicate(first.id))
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 3)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A unique key is free with the start, the end, or the time that it was for`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let queued = try await fixture.accepted(unique(.whileQueued, key: "queued")).claim()
            #expect(try await fixture.ledger.recordStart(queued, at: .now))
            _ = try await fixture.accepted(unique(.whileQueued, key: "queued"))
            let active = try await fixture.accepted(unique(.whileActive, key: "active")).claim()
            #expect(try await fixture.ledger.recordStart(active, at: .now))
            #expect(try await fixture.ledger.accept(unique(.whileActive, key: "active"), idempotency: nil) == .duplicate(active.job.id))
            #expect(try await fixture.ledger.record(.completed([:]), of: active, at: .now) == .recorded)
            _ = try await fixture.accepted(unique(.whileActive, key: "active"))
            var past = unique(.window(milliseconds: 1000), key: "past")
            past.createdAt = Timestamp.now.advanced(byMilliseconds: -5000)
            past = try await fixture.accepted(past)
            _ = try await fixture.accepted(unique(.window(milliseconds: 1000), key: "past"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Fifty requests with one key at once make one job, and all learn its id`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let other = JobLedger(fixture.pool, logger: quiet)
            let key = IdempotencyKey(scope: "api", key: "k", fingerprint: "f")
            let answers = try await withThrowingTaskGroup(of: (JobID, Acceptance).self) { group in
                for number in 0..<50 {
                    let job = Job.sample()
                    let ledger = number % 2 == 0 ? fixture.ledger : other
                    group.addTask { (job.id, try await ledger.accept(job, idempotency: key)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let winners = answers.filter { $0.1 == .accepted }.map(\.0)
            let winner = try #require(winners.first)
            #expect(winners.count == 1)
            #expect(answers.allSatisfy { $0.1 == .accepted || $0.1 == .existing(winner) })
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The same key with another request is a conflict that names the job`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = Job.sample()
            _ = try await fixture.ledger.accept(first, idempotency: IdempotencyKey(scope: "api", key: "k", fingerprint: "f"))
            let other = IdempotencyKey(scope: "api", key: "k", fingerprint: "g")
            #expect(try await fixture.ledger.accept(.sample(), idempotency: other) == .conflict(first.id))
            let elsewhere = IdempotencyKey(scope: "tool", key: "k", fingerprint: "g")
            #expect(try await fixture.ledger.accept(.sample(), idempotency: elsewhere) == .accepted)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Accepting the same job again is not a second job`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted()
            #expect(try await fixture.ledger.accept(job, idempotency: nil) == .existing(job.id))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Callers that come together go in few statements`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await withThrowingTaskGroup(of: Acceptance.self) { group in
                for _ in 0..<300 { group.addTask { try await fixture.ledger.accept(.sample(), idempotency: nil) } }
                for try await answer in group { #expect(answer == .accepted) }
            }
            #expect(try await fixture.number("SELECT count(*) AS n FROM jobs") == 300)
            // Rows of one statement share the transaction that wrote them.
            let batches = try await fixture.number("SELECT count(DISTINCT xmin::text) AS n FROM jobs")
            #expect(batches < 100, "300 rows in \(batches) statements")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A row that is refused fails alone, not its batch`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var broken = Job.sample()
            broken.maxAttempts = .max
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    let job = number == 17 ? broken : .sample()
                    group.addTask { (try? await fixture.ledger.accept(job, idempotency: nil)) == .accepted }
                }
                var accepted = 0
                for try await isAccepted in group where isAccepted { accepted += 1 }
                #expect(accepted == 39)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Live rows are read in pages, in the order of their ids, ended ones left out`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var ids: [JobID] = []
            for _ in 0..<7 { ids.append(try await fixture.accepted().id) }
            _ = try await fixture.ledger.endUnclaimed(ids[3], as: .cancelled(.cancelled), at: .now, by: "api")
            ids.remove(at: 3)
            var seen: [JobID] = []
            while true {
                let page = try await fixture.ledger.liveIDs(
                    acceptedBefore: Timestamp.now.advanced(byMilliseconds: 1000), after: seen.last, limit: 4)
                seen += page
                if page.count < 4 { break }
            }
            #expect(seen == ids.sorted { $0.description < $1.description })
            #expect(try await fixture.ledger.liveIDs(acceptedBefore: Timestamp(milliseconds: 0), after: nil, limit: 4).isEmpty)
        }
    }
}
