import JobLedger
import JobModel
import PostgresWire
import Testing

/// The rows of presentations follow their jobs' in the statement that changes those, whichever it is.
@Suite(.timeLimit(.minutes(1))) struct PresentationTests {
    @Test func `A presentation goes with its job from acceptance to the end`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted(.presentation(at: Timestamp(milliseconds: 1_900_000_000_001)))
            var row = try await fixture.presentation(job.id)
            #expect(row.status == .pending && row.subject == "default" && row.topic == "Photosynthesis")
            #expect(row.userID == "user123" && row.slides == 5 && row.createdAt == job.createdAt)
            #expect(row.presentonURL == nil && row.completedAt == nil && row.error == nil)

            let claim = job.claim()
            #expect(try await fixture.ledger.recordStart(claim, at: .now))
            #expect(try await fixture.presentation(job.id).status == .processing)

            let end = Timestamp(milliseconds: 1_900_000_600_000)
            #expect(try await fixture.ledger.record(.deck, of: claim, at: end) == .recorded)
            row = try await fixture.presentation(job.id)
            #expect(row.status == .complete && row.completedAt == end && row.error == nil)
            #expect(row.presentonID == "p1" && row.presentonURL == "/presentation?id=p1")
            #expect(try await fixture.disagreements() == 0)
        }
    }

    @Test func `Retries, crashes and hand-backs are pending again`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let job = try await fixture.accepted(.presentation())
            func status() async throws -> Presentation.Status { try await fixture.presentation(job.id).status }
            for (attempt, end) in [(1, JobOutcome.retry(.retry("busy", type: "busy"), afterMilliseconds: 1)), (2, .handBack)] {
                #expect(try await fixture.ledger.recordStart(job.claim(attempt), at: .now))
                #expect(try await status() == .processing)
                #expect(try await fixture.ledger.record(end, of: job.claim(attempt), at: .now) == .recorded)
                #expect(try await status() == .pending)
                #expect(try await fixture.presentation(job.id).error == nil)
            }
            #expect(try await fixture.ledger.recordStart(job.claim(3), at: .now))
            try await fixture.ledger.fence([(job.id, 3)])
            #expect(try await status() == .pending)
            // Fenced off: it changes neither row.
            #expect(try await fixture.ledger.record(.deck, of: job.claim(3), at: .now) != .recorded)
            #expect(try await status() == .pending)
            #expect(try await fixture.disagreements() == 0)
        }
    }

    @Test func `Failed and cancelled are errors with their reason, and a retry takes it away`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let failed = try await fixture.accepted(.presentation())
            let failure = JobFailure.permanent("Presenton wants a login", type: "http_428")
            #expect(try await fixture.ledger.record(.failed(failure), of: failed.claim(), at: .now) == .recorded)
            let waiting = try await fixture.accepted(.presentation())
            #expect(try await fixture.ledger.endUnclaimed(waiting.id, as: .cancelled(.cancelled), at: .now, by: "api") == .recorded)
            let mute = try await fixture.accepted(.presentation())
            try await fixture.pool.execute("UPDATE jobs SET status = 'cancelled', error = NULL WHERE id = $1", [.text(mute.id.description)])
            for (job, error) in [
                (failed, "Presenton wants a login"), (waiting, "The job was cancelled"), (mute, "The job was cancelled"),
            ] {
                let row = try await fixture.presentation(job.id)
                #expect(row.status == .error && row.error == error && row.completedAt == nil)
            }
            #expect(try await fixture.ledger.retry([failed.id], at: .now).count == 1)
            let row = try await fixture.presentation(failed.id)
            #expect(row.status == .pending && row.error == nil)
            #expect(try await fixture.disagreements() == 0)
        }
    }

    @Test func `Jobs of a flow, and those that SQL submits or takes back, have their rows`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let flow = try await fixture.accepted(NewFlow.sample(["a": [], "b": ["a"]]) { $0.kind = "presentation" })
            #expect(try await fixture.presentation(flow["b"].id).status == .pending)
            _ = try await fixture.end("a", of: flow, .failed(.permanent("x", type: "x")))
            #expect(try await fixture.presentation(flow["b"].id).error == "Its parent 'a' failed")

            let shape = InputShape([.init("topic", .text(maxLength: 9), required: true, "t"), .init("n_slides", .number(0...9), "n")])
            _ = try await fixture.ledger.publish([JobKind(name: "presentation", summary: "s", queue: "presentations", input: shape)])
            let enqueue = #"SELECT tidewheel.enqueue('presentation', '{"topic": "t", "n_slides": 1e300}', subject => 'maths') AS id"#
            let row = try #require(try await fixture.pool.query(enqueue).first)
            let id = try #require(JobID(try row.string("id")))
            let made = try await fixture.presentation(id)
            #expect(made.topic == "t" && made.slides == nil && made.subject == "maths" && made.userID == nil)
            await #expect(throws: PostgresError.self) {
                try await fixture.pool.transaction { (connection) throws(PostgresError) in
                    _ = try connection.query(enqueue)
                    throw PostgresError(.statement, "the service changed its mind")
                }
            }
            #expect(try await fixture.number("SELECT count(*) AS n FROM presentation_jobs") == 3)
            #expect(try await fixture.disagreements() == 0)
        }
    }

    @Test func `Other kinds have none, and a presentation outlives the record of its job`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            _ = try await fixture.running()
            #expect(try await fixture.number("SELECT count(*) AS n FROM presentation_jobs") == 0)
            let job = try await fixture.accepted(.presentation())
            #expect(try await fixture.ledger.record(.deck, of: job.claim(), at: .now) == .recorded)
            try await fixture.pool.execute("DELETE FROM jobs WHERE id = $1", [.text(job.id.description)])
            #expect(try await fixture.presentation(job.id).status == .complete)
            #expect(try await fixture.move([job.id], to: "biology") == [job.id])
        }
    }
}
