import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

@Suite struct OutcomeTests {
    private let failure = JobFailure.permanent("no such page", type: "http_404")

    @Test(.timeLimit(.minutes(1))) func `Start and end are in the row and in the attempt`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            #expect(try await fixture.ledger.job(claim.job.id)?.state == .processing)
            let end = Timestamp(milliseconds: 1_900_000_000_001)
            #expect(try await fixture.ledger.record(.completed(["pages": 3]), of: claim, at: end) == .recorded)
            let job = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(job.state == .completed && job.result == ["pages": 3] && job.finishedAt == end && job.progress == 100)
            #expect(job.worker == "w1" && job.attempt == 1 && job.startedAt != nil)
            #expect(try await fixture.attempts(of: job.id) == ["completed"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The first of two ends wins, and the second is told the row`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted()
            #expect(try await fixture.ledger.record(.failed(failure), of: job.claim(2, by: "w2"), at: .now) == .recorded)
            guard case .refused(let row?) = try await fixture.ledger.record(.completed([:]), of: job.claim(1), at: .now) else {
                Issue.record("the second end was not refused")
                return
            }
            #expect(row.state == .failed && row.errorType == "http_404" && row.error == "no such page")
            #expect(try await fixture.ledger.recordStart(job.claim(3), at: .now) == false)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Two ends at once: one is recorded, one refused`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for _ in 0..<10 {
                let job = try await fixture.accepted()
                async let first = fixture.ledger.record(.completed([:]), of: job.claim(1), at: .now)
                async let second = fixture.ledger.record(.failed(failure), of: job.claim(2, by: "w2"), at: .now)
                let recorded = try await [first, second].filter { $0 == .recorded }
                #expect(recorded.count == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The same end told again is recorded, and changes nothing`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let once = Timestamp(milliseconds: 1_900_000_000_000)
            for later in [0, 5_000] as [Int64] {
                let answer = try await fixture.ledger.record(.completed([:]), of: claim, at: once.advanced(byMilliseconds: later))
                #expect(answer == .recorded)
            }
            #expect(try await fixture.ledger.job(claim.job.id)?.finishedAt == once)
            guard case .refused = try await fixture.ledger.record(.failed(failure), of: claim, at: once) else {
                Issue.record("another end of the same attempt was taken for the first one")
                return
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Retry, start and end make two attempts of one job`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let now = Timestamp.now
            try await fixture.pool.script("UPDATE jobs SET progress = 40")
            #expect(try await fixture.ledger.record(.retry(failure, afterMilliseconds: 2_000), of: claim, at: now) == .recorded)
            let waiting = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(waiting.state == .scheduled && waiting.scheduledAt == now.advanced(byMilliseconds: 2_000))
            #expect(waiting.uncharged == 0 && waiting.finishedAt == nil && waiting.progress == 40)
            let second = claim.job.claim(2, by: "w2")
            #expect(try await fixture.ledger.recordStart(second, at: .now))
            #expect(try await fixture.ledger.recordStart(claim, at: .now) == false)
            #expect(try await fixture.ledger.record(.completed([:]), of: second, at: .now) == .recorded)
            #expect(try await fixture.attempts(of: claim.job.id) == ["retry", "completed"])
            let late = try await fixture.ledger.record(.retry(failure, afterMilliseconds: 2_000), of: claim, at: now)
            guard case .refused(let row?) = late else { throw Unexpected("the first end was taken for the last one") }
            #expect(row.state == .completed && row.worker == "w2")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Handing back is uncharged once, however often it is told`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            for _ in 0..<3 { #expect(try await fixture.ledger.record(.handBack, of: claim, at: .now) == .recorded) }
            let job = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(job.uncharged == 1 && job.state == .queued)
            #expect(try await fixture.attempts(of: job.id) == ["handed_back"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A fenced attempt can neither start nor end, and is uncharged once`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let id = claim.job.id
            for _ in 0..<2 { try await fixture.ledger.fence([(id, 1), (id, 1)]) }
            guard case .refused(let row?) = try await fixture.ledger.record(.completed([:]), of: claim, at: .now) else {
                Issue.record("a fenced attempt ended the job")
                return
            }
            #expect(row.state == .queued && row.uncharged == 1)
            #expect(try await fixture.ledger.recordStart(claim, at: .now) == false)
            #expect(try await fixture.attempts(of: id) == ["crashed"])
            #expect(try await fixture.ledger.record(.completed([:]), of: claim.job.claim(2), at: .now) == .recorded)
            try await fixture.ledger.fence([(id, 9)])
            #expect(try await fixture.ledger.job(id)?.uncharged == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An attempt that a later one runs beside is overtaken, and only an end of the job counts from it`()
        async throws
    {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            let second = first.job.claim(2, by: "w2")
            #expect(try await fixture.ledger.recordStart(second, at: .now))
            #expect(try await fixture.attempts(of: first.job.id) == ["overtaken", "-"])
            guard case .refused = try await fixture.ledger.record(.retry(failure, afterMilliseconds: 1), of: first, at: .now) else {
                Issue.record("an overtaken attempt put the job back")
                return
            }
            #expect(try await fixture.ledger.job(first.job.id)?.state == .processing)
            #expect(try await fixture.ledger.record(.completed([:]), of: first, at: .now) == .recorded)
            #expect(try await fixture.attempts(of: first.job.id) == ["completed", "overtaken"])
            let ended = try #require(try await fixture.ledger.job(first.job.id))
            #expect(ended.attempt == 2 && ended.worker == "w2", "the number of attempts never shrinks")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A start told again changes nothing, and a late one takes nothing from the attempt after it`()
        async throws
    {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.accepted().claim()
            let begin = Timestamp(milliseconds: 1_900_000_000_000)
            for _ in 0..<2 { #expect(try await fixture.ledger.recordStart(claim, at: begin)) }
            #expect(try await fixture.attempts(of: claim.job.id) == ["-"])
            #expect(try await fixture.ledger.recordStart(claim.job.claim(2, by: "w2"), at: begin.advanced(byMilliseconds: 1)))
            #expect(try await fixture.ledger.recordStart(claim, at: begin.advanced(byMilliseconds: 2)))
            #expect(try await fixture.attempts(of: claim.job.id) == ["overtaken", "-"])
            let row = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(row.attempt == 2 && row.worker == "w2" && row.startedAt == begin)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A start told again does not overtake itself`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let second = try await fixture.running().job.claim(2, by: "w2")
            for _ in 0..<2 { #expect(try await fixture.ledger.recordStart(second, at: .now)) }
            #expect(try await fixture.attempts(of: second.job.id) == ["overtaken", "-"])
        }
    }

    /// As after a Redis that forgot a claim: two workers run the same attempt, and one of them ends the job.
    @Test(.timeLimit(.minutes(1))) func `An attempt that two workers run has one end`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            let twin = first.job.claim(1, by: "w2")
            #expect(try await fixture.ledger.recordStart(twin, at: .now))
            #expect(try await fixture.ledger.record(.completed(["by": 1]), of: first, at: .now) == .recorded)
            guard case .refused(let row?) = try await fixture.ledger.record(.completed(["by": 2]), of: twin, at: .now) else {
                throw Unexpected("both ended the job")
            }
            #expect(row.result == ["by": 1])
            #expect(try await fixture.attempts(of: first.job.id) == ["completed"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An attempt that two workers run is put back once`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            let twin = first.job.claim(1, by: "w2")
            #expect(try await fixture.ledger.recordStart(twin, at: .now))
            #expect(try await fixture.ledger.record(.retry(failure, afterMilliseconds: 1), of: twin, at: .now) == .recorded)
            guard case .refused(let row?) = try await fixture.ledger.record(.completed([:]), of: first, at: .now) else {
                throw Unexpected("an attempt that had ended ended the job")
            }
            #expect(row.state == .scheduled)
            #expect(try await fixture.ledger.recordStart(first, at: .now) == false)
            #expect(try await fixture.ledger.record(.completed([:]), of: first.job.claim(2), at: .now) == .recorded)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A fence of an attempt whose start was lost leaves ended attempts and a later time alone`()
        async throws
    {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            _ = try await fixture.ledger.record(.retry(failure, afterMilliseconds: 60_000), of: claim, at: .now)
            try await fixture.ledger.fence([(claim.job.id, 3), (claim.job.id, 2)])
            let row = try #require(try await fixture.ledger.job(claim.job.id))
            #expect(row.state == .scheduled && row.attempt == 3 && row.uncharged == 1)
            #expect(try await fixture.attempts(of: claim.job.id) == ["retry"])
            #expect(try await fixture.ledger.recordStart(claim.job.claim(3), at: .now) == false)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A late fence of an earlier attempt leaves the later one alone`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            #expect(try await fixture.ledger.recordStart(first.job.claim(2, by: "w2"), at: .now))
            try await fixture.ledger.fence([(first.job.id, 1)])
            let running = try #require(try await fixture.ledger.job(first.job.id))
            #expect(running.state == .processing && running.attempt == 2)
            #expect(try await fixture.attempts(of: first.job.id) == ["overtaken", "-"])
            try await fixture.ledger.fence([(first.job.id, 3)])
            let fenced = try #require(try await fixture.ledger.job(first.job.id))
            #expect(fenced.state == .queued && fenced.attempt == 3)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A job that nobody claimed can be ended once`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted()
            for _ in 0..<2 {
                #expect(try await fixture.ledger.endUnclaimed(job.id, as: .cancelled(.cancelled), at: .now, by: "api") == .recorded)
            }
            guard case .refused(let row?) = try await fixture.ledger.endUnclaimed(job.id, as: .failed(failure), at: .now, by: "w1") else {
                Issue.record("an ended job was ended again")
                return
            }
            #expect(row.state == .cancelled)
            for (outcome, caller) in [(JobOutcome.cancelled(.cancelled), "w1"), (.failed(failure), "api")] {
                guard case .refused = try await fixture.ledger.endUnclaimed(job.id, as: outcome, at: .now, by: caller) else {
                    throw Unexpected("another end, or another caller's, was taken for the first one")
                }
            }
            #expect(try await fixture.ledger.endUnclaimed(JobID(), as: .cancelled(.cancelled), at: .now, by: "api") == .refused(nil))
            #expect(try await fixture.ledger.record(.completed([:]), of: Job.sample().claim(), at: .now) == .refused(nil))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `With a job its open attempt ends, and no other`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            let other = try await fixture.running()
            _ = try await fixture.ledger.record(.retry(failure, afterMilliseconds: 0), of: first, at: .now)
            #expect(try await fixture.ledger.recordStart(first.job.claim(2), at: .now))
            _ = try await fixture.ledger.endUnclaimed(first.job.id, as: .cancelled(.cancelled), at: .now, by: "api")
            #expect(try await fixture.attempts(of: first.job.id) == ["retry", "cancelled"])
            #expect(try await fixture.attempts(of: other.job.id) == ["-"])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `An attempt that starts while another end waits for the row ends with the job`(isCancelled: Bool) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.running()
            let id = PostgresValue.text(first.job.id.description)
            async let end: Recorded = {
                // After the update below: the start holds the row.
                try await eventually { try await fixture.number(othersHoldTheRow, [id]) == 0 }
                return isCancelled
                    ? try await fixture.ledger.endUnclaimed(first.job.id, as: .cancelled(.cancelled), at: .now, by: "api")
                    : try await fixture.ledger.record(.completed([:]), of: first, at: .now)
            }()
            try await fixture.pool.transaction { (connection) throws(PostgresError) in
                try connection.execute("UPDATE jobs SET status = 'processing', attempt = 2, worker = 'w2' WHERE id = $1::uuid", [id])
                try connection.execute(
                    "INSERT INTO job_attempts (job_id, attempt, worker, started_at) VALUES ($1::uuid, 2, 'w2', now())", [id])
                // Until the other end stands behind this transaction, its look at the attempts already taken.
                try connection.execute(waitForTheOther, [])
            }
            #expect(try await end == .recorded)
            let outcomes = isCancelled ? ["cancelled", "cancelled"] : ["completed", "overtaken"]
            #expect(try await fixture.attempts(of: first.job.id) == outcomes)
        }
    }

    private let othersHoldTheRow = "SELECT count(*) AS n FROM (SELECT FROM jobs WHERE id = $1::uuid FOR UPDATE SKIP LOCKED) free"

    private let waitForTheOther = """
        DO $$ BEGIN
            FOR i IN 1..500 LOOP
                PERFORM pg_stat_clear_snapshot();
                IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') THEN RETURN; END IF;
                PERFORM pg_sleep(0.01);
            END LOOP;
            RAISE EXCEPTION 'the other end did not come';
        END $$
        """

    @Test(.timeLimit(.minutes(1))) func `U+0000 in results and errors is taken out, the rest is kept`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let result: JSONValue = ["te\u{0}xt": "a\u{0}b", "list": ["\u{0}"]]
            #expect(try await fixture.ledger.record(.completed(result), of: claim, at: .now) == .recorded)
            #expect(try await fixture.ledger.job(claim.job.id)?.result == ["text": "ab", "list": [""]])
            let other = try await fixture.running()
            _ = try await fixture.ledger.record(.failed(.permanent("x\u{0}y", type: "t\u{0}")), of: other, at: .now)
            #expect(try await fixture.ledger.job(other.job.id)?.error == "xy")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A result of five megabytes is kept whole`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            let result: JSONValue = ["text": .string(String(repeating: "Ärger \\ \" 🦑 ", count: 260_000))]
            #expect(try await fixture.ledger.record(.completed(result), of: claim, at: .now) == .recorded)
            #expect(try await fixture.ledger.job(claim.job.id)?.result == result)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Large results go in several statements`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claims = try await (0..<9).asyncMap { _ in try await fixture.running() }
            let result: JSONValue = ["text": .string(String(repeating: "x", count: 3_000_000))]
            try await withThrowingTaskGroup(of: Recorded.self) { group in
                for claim in claims { group.addTask { try await fixture.ledger.record(.completed(result), of: claim, at: .now) } }
                for try await answer in group { #expect(answer == .recorded) }
            }
            // At most two of them fit into one statement, and rows of one statement share their transaction.
            #expect(
                try await fixture.number("SELECT max(n) AS n FROM (SELECT count(*) AS n FROM jobs GROUP BY xmin::text) AS batches") <= 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Two ends of one job in one batch keep their order`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claims = try await (0..<20).asyncMap { _ in try await fixture.running() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for claim in claims {
                    group.addTask {
                        async let first = fixture.ledger.record(.completed([:]), of: claim, at: .now)
                        async let second = fixture.ledger.record(.completed([:]), of: claim, at: .now)
                        let answers = try await [first, second]
                        #expect(answers == [.recorded, .recorded])
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

extension Sequence {
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
