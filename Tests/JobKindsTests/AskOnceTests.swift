import JobKinds
import JobLedger
import JobModel
import Services
import TestServers
import Testing

/// Workers that die while they ask: whatever was left behind, no second deck is asked for.
@Suite(.timeLimit(.minutes(1))) struct AskOnceTests {
    @Test func aTaskWhoseNameNobodyKeptIsFound() async throws {
        try await DeckFixture.run { (fixture) async throws in
            fixture.standIn.addForeignTask()
            let other = try await fixture.job()
            #expect(try await fixture.attempt(1, at: other).value != nil)
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: true)
            let result = try await fixture.attempt(2, at: job)
            #expect(result.value?["task_id"] == .string(fixture.standIn.taskIDs[2]), "\(result)")
            #expect(fixture.standIn.decks == 2)
        }
    }

    @Test func aQuestionThatNeverArrivedIsAskedAgainWhenThatIsSure() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: false)
            let begin = ContinuousClock.now
            #expect(try await fixture.attempt(2, at: job).value != nil)
            #expect(ContinuousClock.now - begin >= .milliseconds(250), "it may still arrive")
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func aQuestionThatArrivesLateIsWaitedFor() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: false)
            var pacing = DeckFixture.pacing
            pacing.settle = .seconds(30)
            async let attempt = fixture.attempt(2, at: job, pacing: pacing)
            _ = await fixture.presenton.ask(["content": "Tides", "n_slides": 20])
            #expect(try await attempt.value != nil)
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func anAnswerThatIsLostOnTheWayIsFound() async throws {
        try await DeckFixture.run { (fixture) async throws in
            fixture.standIn.loseNextAnswer()
            #expect(try await fixture.attempt(1, at: fixture.job()).value != nil)
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func aBuildThatCannotSayIsNotAskedAgain() async throws {
        try await DeckFixture.run(StandInPresenton(.old)) { (fixture) async throws in
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: true)
            let failure = try await fixture.attempt(2, at: job).failure
            #expect(failure?.type == "submission_unknown" && failure?.verdict == .permanent && fixture.standIn.decks == 1)
            // A person has looked and retries it.
            #expect(try await fixture.attempt(3, at: job).value != nil)
            #expect(fixture.standIn.decks == 2)
        }
    }

    @Test func twoTasksThatMayBeItAreTooMany() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: true)
            fixture.standIn.addForeignTask()
            let failure = try await fixture.attempt(2, at: job).failure
            #expect(failure?.type == "ambiguous_task" && failure?.verdict == .permanent && fixture.standIn.decks == 1)
        }
    }

    @Test func otherJobsWaitUntilAnInterruptedQuestionIsAnswered() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            let others = try await [fixture.job(), fixture.job(), fixture.job()]
            try await fixture.interruptedQuestion(of: job, arrived: true)
            try await withThrowingTaskGroup(of: JSONValue?.self) { group in
                for other in others { group.addTask { try await fixture.attempt(1, at: other).value } }
                // They have listed what there is, and none may ask: the task of the interrupted question is not theirs.
                try await eventually { fixture.standIn.taskIDs.count == 1 }
                group.addTask { try await fixture.attempt(2, at: job).value }
                var tasks: Set<String> = []
                for try await result in group { if let task = result?["task_id"]?.string { tasks.insert(task) } }
                #expect(tasks.count == 4)
            }
            #expect(fixture.standIn.decks == 4)
        }
    }

    @Test func aQuestionOfAJobThatEndedOrWasLeftKeepsNobodyWaiting() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: false, ago: "100 s")
            #expect(try await fixture.attempt(1, at: fixture.job()).value != nil)
            let third = try await fixture.job()
            try await fixture.interruptedQuestion(of: third, arrived: true, ago: "40 s")
            _ = try await fixture.ledger.endUnclaimed(third.id, as: .cancelled(.cancelled), at: .now, by: "api")
            #expect(try await fixture.attempt(1, at: fixture.job()).value != nil)
            // What the first job asked never arrived: the orphan of the third, which came later, is not taken for its own.
            let result = try await fixture.attempt(2, at: job).value
            #expect(result?["task_id"] == .string(try #require(fixture.standIn.taskIDs.last)))
            #expect(fixture.standIn.decks == 4)
        }
    }

    @Test func aQuestionThatWasOvertakenIsStillFound() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            try await fixture.interruptedQuestion(of: job, arrived: true, ago: "100 s")
            for _ in 0..<2 { #expect(try await fixture.attempt(1, at: fixture.job()).value != nil) }
            fixture.standIn.addForeignTask()
            let result = try await fixture.attempt(2, at: job).value
            #expect(result?["task_id"] == .string(fixture.standIn.taskIDs[0]))
            #expect(fixture.standIn.decks == 3)
        }
    }

    @Test func anAttemptThatIsShutOutAsksNothing() async throws {
        let standIn = StandInPresenton()
        try await DeckFixture.run(standIn) { (fixture) async throws in
            let job = try await fixture.job()
            let record = JobRecord()
            _ = try await fixture.ledger.recordStart(Claim(job: job, attempt: 1, worker: "w", stream: "s", entry: "1-1"), at: .now)
            try await fixture.crash(2, of: job)
            let decks = DeckRooms(presenton: fixture.presenton, store: nil, pacing: DeckFixture.pacing)
            let context = JobContext(jobID: job.id, attempt: 1, input: job.input, reporter: record, steps: record, logger: quiet)
            await #expect(throws: JobFailure.lost) {
                try await MakePresentation(ledger: fixture.ledger, decks: decks).run(in: context)
            }
            #expect(standIn.decks == 0)
        }
    }
}
