import JobKinds
import JobLedger
import JobModel
import Services
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct PresentationTests {
    @Test func aDeckIsMadeFollowedAndKept() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            let record = JobRecord()
            let result = try #require(try await fixture.attempt(1, at: job, record).value)
            let id = try #require(result["presenton_id"]?.string)
            #expect(
                result["presenton_url"] == .string("/presentation?id=\(id)") && result["task_id"] == .string(fixture.standIn.taskIDs[0]))
            #expect(result["warnings"] == nil && result["file"] == ["name": .string("\(job.id).pptx"), "bytes": 10])
            #expect(fixture.files == ["\(job.id).pptx"])
            let order = try #require(fixture.standIn.orders.first)
            #expect(order["content"] == "Tides" && order["n_slides"] == 20 && order["language"] == "English" && order["user_id"] == nil)
            #expect(order["topic"] == nil && order["trigger_webhook"] == false && order["instructions"] == nil)
            let percents = record.progress.map(\.percent)
            #expect(percents == percents.sorted() && Set(percents).isSuperset(of: [1, 28.75, 47.5, 66.25, 85, 90]), "\(percents)")
            #expect(record.progress.contains { $0.message == "Generating slides: 10 of 20" })
            #expect(record.steps.keys.sorted() == ["ask-1", "keep-1", "make-1"])
        }
    }

    @Test func aLaterAttemptFollowsTheSameTaskAlsoWithoutItsSteps() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            let first = try #require(try await fixture.attempt(1, at: job).value)
            let second = try #require(try await fixture.attempt(2, at: job).value)
            #expect(second["task_id"] == first["task_id"] && second["presenton_id"] == first["presenton_id"])
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func oldBuildsDoNotSayWhereTheFileIs() async throws {
        try await DeckFixture.run(StandInPresenton(.old)) { (fixture) async throws in
            let result = try await fixture.attempt(1, at: fixture.job())
            #expect(result.warnings == ["Presenton made the slides and did not say where their file is"])
            #expect(result.value?["presenton_url"] == nil && fixture.files.isEmpty && fixture.standIn.decks == 1)
        }
    }

    @Test func buildsWithoutBackgroundTasksMakeItWhileTheWorkerWaits() async throws {
        var build = StandInPresenton.Build()
        build.hasBackground = false
        try await DeckFixture.run(StandInPresenton(build)) { (fixture) async throws in
            let job = try await fixture.job()
            fixture.standIn.answerNext(StandInPresenton.detail(503, "busy"))
            #expect(try await fixture.attempt(1, at: job).failure?.type == "http_503")
            let record = JobRecord()
            let result = try #require(try await fixture.attempt(2, at: job, record).value)
            #expect(result["presenton_url"]?.string?.hasPrefix("/presentation?id=") == true && fixture.files.count == 1)
            // What was made is a step: the next attempt does not make it again.
            #expect(try await fixture.attempt(3, at: job, record).value?["presenton_id"] == result["presenton_id"])
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func withoutAPresentonTheJobFailsAndSaysSo() async throws {
        try await KindsFixture.run { (fixture) async throws in
            let failure = await fixture.failure("presentation", ["topic": "t"])
            #expect(failure == .permanent("There is no Presenton: set PRESENTON_URL", type: "not_configured"))
        }
    }

    @Test func aFailedTaskIsAskedForOnceMore() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            fixture.standIn.failNext(500, "the model failed")
            fixture.standIn.failNext(500, "again")
            let first = try #require(try await fixture.attempt(1, at: job).failure)
            #expect(first.verdict == .retry(afterMilliseconds: 60_000) && first.message.contains("the model failed"))
            let second = try #require(try await fixture.attempt(2, at: job).failure)
            #expect(second.verdict == .permanent && second.type == "http_500" && fixture.standIn.decks == 2)
            // Somebody retries the dead letter.
            #expect(try await fixture.attempt(3, at: job).value != nil)
        }
    }

    @Test func aTaskThatCannotSucceedIsNotAskedForAgain() async throws {
        try await DeckFixture.run { (fixture) async throws in
            fixture.standIn.failNext(400, "Template not found")
            let failure = try #require(try await fixture.attempt(1, at: fixture.job()).failure)
            #expect(failure.verdict == .permanent && failure.message == "Presenton refused the request with status 400: Template not found")
        }
    }

    @Test func aLostTaskIsLookedAtOnceMoreAndThenAskedForAnew() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            fixture.standIn.loseNext()
            #expect(try await fixture.attempt(1, at: job).failure?.type == "task_lost")
            #expect(try await fixture.attempt(2, at: job).value?["task_id"] == .string(fixture.standIn.taskIDs[1]))
            #expect(fixture.standIn.decks == 2)
        }
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job(slides: 1)
            fixture.standIn.loseNext()
            let record = JobRecord()
            #expect(try await fixture.attempt(1, at: job, record).failure?.verdict == .retry(afterMilliseconds: 30_000))
            // It was only slow, and is done when the next attempt looks.
            fixture.standIn.wake()
            for _ in 0..<2 { _ = try await fixture.presenton.task(fixture.standIn.taskIDs[0]) }
            #expect(try await fixture.attempt(2, at: job, record).value?["task_id"] == .string(fixture.standIn.taskIDs[0]))
            #expect(fixture.standIn.decks == 1)
        }
    }

    @Test func aTaskThatPresentonForgotFailsForGood() async throws {
        try await DeckFixture.run { (fixture) async throws in
            let job = try await fixture.job()
            fixture.standIn.loseNext()
            var pacing = DeckFixture.pacing
            pacing.stall = .seconds(30)
            async let attempt = fixture.attempt(1, at: job, pacing: pacing)
            try await eventually { fixture.standIn.taskIDs.count == 1 }
            fixture.standIn.forgetTasks()
            let failure = try await attempt.failure
            #expect(failure?.type == "task_gone" && failure?.verdict == .permanent)
        }
    }

    @Test func aCancelStopsFollowingAtOnceAndARetryGoesOn() async throws {
        let standIn = StandInPresenton()
        try await DeckFixture.run(standIn) { (fixture) async throws in
            let job = try await fixture.job()
            standIn.loseNext()
            var pacing = DeckFixture.pacing
            (pacing.poll, pacing.stall) = (.seconds(600), .seconds(600))
            let record = JobRecord()
            let attempt = Task { [pacing] in try await fixture.attempt(1, at: job, record, pacing: pacing) }
            try await eventually { record.progress.contains { $0.step == "generate" } }
            attempt.cancel()
            #expect(try await attempt.value.failure == .cancelled)
            standIn.wake()
            #expect(try await fixture.attempt(2, at: job, record).value != nil)
            #expect(standIn.decks == 1)
        }
    }

    @Test(arguments: [
        (StubResponse.html("<html>not found</html>"), "neither a presentation nor a PDF"),
        (.text("gone", status: 404), "does not give the file (status 404)"),
        (.answer(302, headers: [("Location", "http://169.254.169.254/")]), "does not give the file (status 302)"),
        (.answer(200, body: Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 2_000)), "larger than 1000 bytes"),
    ])
    func aFileThatCannotBeHadIsAWarning(_ file: StubResponse, _ why: String) async throws {
        try await DeckFixture.run { (fixture) async throws in
            fixture.standIn.serve(file: file)
            let result = try await fixture.attempt(1, at: fixture.job(), maxBytes: 1_000)
            #expect(result.warnings.count == 1 && result.warnings.first?.contains(why) == true, "\(result)")
            #expect(result.value?["presenton_url"] != nil && result.value?["file"] == nil && fixture.files.isEmpty)
        }
    }
}
