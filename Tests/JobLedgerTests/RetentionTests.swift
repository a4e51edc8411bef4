import Dispatch
import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite struct RetentionTests {
    private func leader(_ fixture: LedgerFixture) async throws -> LeaderToken {
        guard let seat = try await fixture.ledger.takeLeadership(as: "a", from: fixture.ledger.leaderSeat()) else {
            throw Unexpected("nobody leads")
        }
        return seat.token
    }

    /// An ended job with a step, its end so many days ago.
    private func ended(_ fixture: LedgerFixture, _ outcome: JobOutcome, daysAgo: Int64) async throws -> JobID {
        let claim = try await fixture.running()
        _ = try await fixture.ledger.storeStep("s", 1, of: claim)
        let then = Timestamp.now.advanced(byMilliseconds: -daysAgo * 86_400_000)
        #expect(try await fixture.ledger.record(outcome, of: claim, at: then) == .recorded)
        try await date(fixture)
        return claim.job.id
    }

    /// What has ended was accepted a minute before.
    private func date(_ fixture: LedgerFixture) async throws {
        try await fixture.pool.execute("UPDATE jobs SET created_at = finished_at - interval '1 minute' WHERE finished_at IS NOT NULL")
    }

    @Test(.timeLimit(.minutes(1))) func `Old records go whole, young and live ones stay`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            let old = try await ended(fixture, .failed(.permanent("x", type: "x")), daysAgo: 91)
            let young = try await ended(fixture, .completed([:]), daysAgo: 89)
            let live = try await fixture.running().job.id
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 1)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 0)
            #expect(Set(try await fixture.ledger.jobs([old, young, live]).keys) == [young, live])
            #expect(try await fixture.attempts(of: old) == [])
            #expect(try await fixture.ledger.stepNames(of: old).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Each kind is kept as long as is said of it`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            var ids: [String: JobID] = [:]
            for (kind, days) in [("chat", 8), ("chat", 6), ("deck", 4000), ("page", 91), ("page", 89)] as [(String, Int64)] {
                let id = try await ended(fixture, .completed([:]), daysAgo: days)
                try await fixture.pool.execute("UPDATE jobs SET kind = $2 WHERE id = $1", [.text(id.description), .text(kind)])
                ids["\(kind) \(days)"] = id
            }
            let ages = RecordAges(standardDays: 90, daysByKind: ["chat": 7, "deck": 0, "unheard of": 1])
            #expect(ages.shortestDays == 1)
            #expect(try await fixture.ledger.forgetJobs(olderThan: ages, token) == 2)
            let left = Set(try await fixture.ledger.jobs(Array(ids.values)).keys)
            #expect(left == Set(["chat 6", "deck 4000", "page 89"].compactMap { ids[$0] }))
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 0), token) == 0)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 0, daysByKind: ["deck": 3999]), token) == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A flow stays while a job of it is of a kind that is kept longer`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            let then = { (days: Int64) in Timestamp.now.advanced(byMilliseconds: -days * 86_400_000) }
            let flow = try await fixture.accepted(.sample(["a": [], "b": []], at: then(120)))
            for name in ["a", "b"] {
                #expect(try await fixture.ledger.record(.completed([:]), of: flow[name].claim(), at: then(100)) == .recordedInFlow)
            }
            try await date(fixture)
            try await fixture.pool.execute("UPDATE jobs SET kind = 'deck' WHERE id = $1", [.text(flow["b"].id.description)])
            let keepsDecks = RecordAges(standardDays: 90, daysByKind: ["deck": 0])
            #expect(try await fixture.ledger.forgetJobs(olderThan: keepsDecks, token) == 0)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Times of steps stay as long as the record`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            let id = try await ended(fixture, .completed([:]), daysAgo: 91)
            #expect(try await fixture.ledger.forgetSteps(token) == 1)
            let times = "SELECT count(*) AS n FROM v_step_times WHERE job_id = $1 AND name = 's' AND seconds IS NOT NULL"
            #expect(try await fixture.number(times, [.text(id.description)]) == 1)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 1)
            #expect(try await fixture.number("SELECT count(*) AS n FROM job_step_times") == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A batch has a limit, and an earlier leader deletes nothing`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            var ids: [JobID] = []
            for _ in 0..<5 { ids.append(try await ended(fixture, .completed([:]), daysAgo: 100)) }
            let earlier = LeaderToken(token.number - 1)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), earlier) == 0)
            #expect(try await fixture.ledger.forgetSteps(earlier) == 0)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token, limit: 3) == 3)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token, limit: 3) == 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Steps of completed jobs go, those of dead letters and live jobs stay`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            let completed = try await ended(fixture, .completed([:]), daysAgo: 0)
            let dead = try await ended(fixture, .failed(.permanent("x", type: "x")), daysAgo: 0)
            let live = try await fixture.running()
            _ = try await fixture.ledger.storeStep("s", 1, of: live)
            #expect(try await fixture.ledger.forgetSteps(token) == 1)
            #expect(try await fixture.ledger.stepNames(of: completed).isEmpty)
            for id in [dead, live.job.id] { #expect(try await fixture.ledger.stepNames(of: id) == ["s"]) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A row that somebody has locked is left for the next time`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            let locked = try await ended(fixture, .completed([:]), daysAgo: 100)
            _ = try await ended(fixture, .completed([:]), daysAgo: 99)
            let (entered, enter) = AsyncStream<Void>.makeStream()
            let leave = DispatchSemaphore(value: 0)
            async let held: Void = fixture.pool.transaction { (connection) throws(PostgresError) in
                _ = try connection.query("SELECT id FROM jobs WHERE id = $1 FOR UPDATE", [.text(locked.description)])
                enter.finish()
                leave.wait()
            }
            for await _ in entered {}
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 1)
            leave.signal()
            try await held
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A flow goes when all of its jobs are old`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            let then = { (days: Int64) in Timestamp.now.advanced(byMilliseconds: -days * 86_400_000) }
            let old = try await fixture.accepted(.sample(["a": [], "b": []], at: then(120)))
            let mixed = try await fixture.accepted(.sample(["a": [], "b": []], at: then(120)))
            let live = try await fixture.accepted(.sample(["a": [], "b": ["a"]], at: then(120)))
            let young = try await fixture.accepted(.sample(["a": []], at: then(10)))
            for (flow, name, days) in [
                (old, "a", 100), (old, "b", 91), (mixed, "a", 100), (mixed, "b", 89), (live, "a", 100), (young, "a", 5),
            ] {
                #expect(try await fixture.ledger.record(.completed([:]), of: flow[name].claim(), at: then(Int64(days))) == .recordedInFlow)
            }
            try await date(fixture)
            #expect(try await fixture.ledger.forgetJobs(olderThan: RecordAges(standardDays: 90), token) == 2)
            #expect(try await fixture.ledger.forgetFlows(acceptedBeforeDays: 90, token) == 1)
            #expect(Set(try await fixture.ledger.flows(before: nil, limit: 10).map(\.id)) == [mixed.id, live.id, young.id])
            #expect(try await fixture.ledger.flow(mixed.id)?.jobs == 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An old upload goes when nothing will read it again`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let token = try await leader(fixture)
            func uploaded(daysAgo days: Int64) async throws -> String {
                let id = JobID(at: Timestamp.now.advanced(byMilliseconds: -days * 86_400_000)).description
                try await fixture.pool.execute(
                    "INSERT INTO uploads (id, name, content_type, sha256, bytes) VALUES ($1, 'f', 't', '', 'x')", [.text(id)])
                return id
            }
            func document(_ upload: String) async throws -> Claim {
                let job = Job(id: JobID(), kind: "document", queue: "ingest", input: ["uri": .string("Upload:" + upload)], createdAt: .now)
                return try await fixture.accepted(job).claim()
            }
            let (bare, young, read) = (try await uploaded(daysAgo: 91), try await uploaded(daysAgo: 89), try await uploaded(daysAgo: 92))
            let (live, dead, daily) = (try await uploaded(daysAgo: 93), try await uploaded(daysAgo: 94), try await uploaded(daysAgo: 95))
            #expect(try await fixture.ledger.record(.completed([:]), of: document(read), at: .now) == .recorded)
            #expect(try await fixture.ledger.record(.failed(.permanent("x", type: "x")), of: document(dead), at: .now) == .recorded)
            _ = try await document(live)
            try await fixture.pool.execute(
                """
                INSERT INTO schedules (id, name, expression, time_zone, kind, input, missed, overlap, enabled, anchor_at, created_at, updated_at)
                VALUES (gen_random_uuid(), 'n', '@daily', 'UTC', 'document', jsonb_build_object('uri', 'upload:' || $1::text), 'skip', 'skip',
                    false, now(), now(), now())
                """, [.text(daily)])
            #expect(try await fixture.ledger.forgetUploads(olderThanDays: 90, LeaderToken(token.number - 1)) == 0)
            #expect(try await fixture.ledger.forgetUploads(olderThanDays: 90, token) == 2)
            for (id, isThere) in [(bare, false), (read, false), (young, true), (live, true), (dead, true), (daily, true)] {
                #expect((try await fixture.ledger.upload(id) != nil) == isThere)
            }
        }
    }
}
