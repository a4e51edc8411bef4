import JobKinds
import JobLedger
import JobModel
import Services
import TestServers
import Testing

/// Builds that make a deck only while the worker waits: whatever becomes of the worker, the deck that it asked for is looked for before another one is.
@Suite(.timeLimit(.minutes(1))) struct MakeWhileWaitingTests {
    private func build(listsDecks: Bool = true) -> StandInPresenton {
        var build = StandInPresenton.Build()
        (build.hasBackground, build.listsTasks, build.listsDecks) = (false, false, listsDecks)
        return StandInPresenton(build)
    }

    /// What a worker leaves that dies when it has said that it asks: `arrived` is whether it did.
    private func interrupted(_ job: Job, _ fixture: DeckFixture, arrived: Bool) async throws {
        _ = try await fixture.ledger.askPresenton(job.id, number: 1, server: fixture.presenton.server, attempt: 1, listed: nil)
        try await fixture.ledger.closePresentonAsk(job.id, number: 1, as: .foreground)
        let listed = try await fixture.presenton.decks(like: ["content": "Tides"])
        #expect(try await fixture.ledger.sendPresenton(job.id, number: 1, attempt: 1, listed: listed))
        if arrived { _ = await fixture.presenton.make(["content": "Tides", "n_slides": 20]) }
        try await fixture.crash(1, of: job)
    }

    @Test func aDeckWhoseAnswerWasLostIsFound() async throws {
        try await DeckFixture.run(build()) { (fixture) async throws in
            fixture.standIn.addForeignDeck("Tides")
            fixture.standIn.addForeignDeck("Other")
            let job = try await fixture.job()
            fixture.standIn.loseNextAnswer()
            let failure = try #require(try await fixture.attempt(1, at: job).failure)
            guard case .retry = failure.verdict else { throw failure }
            let result = try await fixture.attempt(2, at: job)
            #expect(result.value?["presenton_url"]?.string?.hasPrefix("/presentation?id=") == true, "\(result)")
            #expect(result.warnings == ["Presenton made the slides and did not say where their file is"])
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func oneThatADeadWorkerAskedForIsFoundAndOneThatNeverCameIsMade() async throws {
        try await DeckFixture.run(build()) { (fixture) async throws in
            let job = try await fixture.job()
            try await interrupted(job, fixture, arrived: true)
            let first = try await fixture.attempt(2, at: job).value
            #expect(first?["presenton_id"] != nil && fixture.standIn.decks == 1)
            let other = try await fixture.job()
            try await interrupted(other, fixture, arrived: false)
            let begin = ContinuousClock.now
            // The deck of the first job has the same text and is not taken.
            let second = try await fixture.attempt(2, at: other).value
            #expect(second?["presenton_id"] != nil && second?["presenton_id"] != first?["presenton_id"])
            #expect(ContinuousClock.now - begin >= .milliseconds(750), "it may still be made")
            #expect(fixture.standIn.decks == 2)
        }
    }

    @Test func aBuildThatCannotSayIsNotAskedAgain() async throws {
        try await DeckFixture.run(build(listsDecks: false)) { (fixture) async throws in
            let job = try await fixture.job()
            try await interrupted(job, fixture, arrived: true)
            let failure = try await fixture.attempt(2, at: job).failure
            #expect(failure?.type == "submission_unknown" && failure?.verdict == .permanent && fixture.standIn.decks == 1)
            // A person has looked and retries it.
            #expect(try await fixture.attempt(3, at: job).value != nil)
            #expect(fixture.standIn.decks == 2)
        }
    }

    @Test func twoDecksThatMayBeItAreTooMany() async throws {
        try await DeckFixture.run(build()) { (fixture) async throws in
            let job = try await fixture.job()
            try await interrupted(job, fixture, arrived: true)
            fixture.standIn.addForeignDeck("Tides")
            #expect(try await fixture.attempt(2, at: job).failure?.type == "ambiguous_deck")
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func anAnswerOfAGatewaySaysNothingOfTheDeck() async throws {
        try await DeckFixture.run(build()) { (fixture) async throws in
            let job = try await fixture.job()
            fixture.standIn.answerNext(StandInPresenton.detail(504, "proxy"))
            #expect(try await fixture.attempt(1, at: job).failure?.type == "http_504")
            fixture.standIn.addForeignDeck("Tides")
            #expect(try await fixture.attempt(2, at: job).value?["presenton_id"] != nil)
            #expect(fixture.standIn.decks == 0)
        }
    }

    /// As a process that was frozen before it could send, and goes on when others may have asked.
    @Test(arguments: [true, false])
    func whatCannotBeSentInTimeIsNotSent(hasBackground: Bool) async throws {
        try await DeckFixture.run(hasBackground ? StandInPresenton() : build()) { (fixture) async throws in
            let job = try await fixture.job()
            var pacing = DeckFixture.pacing
            // The way is found out without being in time: only a background build is asked by this question.
            if !hasBackground { try await interrupted(job, fixture, arrived: false) }
            pacing.freshness = .zero
            let failure = try await fixture.attempt(2, at: job, pacing: pacing).failure
            #expect(failure?.type == "presenton_slow" && fixture.standIn.orders.isEmpty, "\(String(describing: failure))")
            #expect(try await fixture.attempt(3, at: job).value != nil)
            #expect(fixture.standIn.decks == 1)
        }
    }
}
