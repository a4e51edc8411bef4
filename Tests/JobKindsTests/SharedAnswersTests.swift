import JobKinds
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

/// What is given again, to whom, and what is not.
@Suite(.timeLimit(.minutes(1))) struct SharedAnswersTests {
    private func ask(_ fixture: KindsFixture, _ prompt: String = "What is a type?", _ more: [String: JSONValue] = [:]) async throws
        -> JSONValue
    {
        let input: [String: JSONValue] = ["model": "m", "prompt": .string(prompt)]
        return try await fixture.run("generate", .object(input.merging(more) { $1 }))
    }

    private func hit(_ result: JSONValue) -> String { result["cache"]?["hit"]?.string ?? "" }

    @Test func anEqualRequestIsAnsweredFromTheCacheAndSaysSo() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let first = try await ask(fixture)
            let record = JobRecord()
            let second = try await fixture.run("generate", ["model": "m:latest", "prompt": " What is a type?\r\n"], record)
            #expect(hit(first) == "none" && hit(second) == "exact" && second["text"] == first["text"] && second["usage"] == first["usage"])
            #expect(second["cache"]?["key"] == first["cache"]?["key"] && second["cache"]?["similarity"]?.number == 1)
            #expect(second["cache"]?["age_seconds"] != nil && second["cache"]?["from_job"] != nil)
            #expect(record.streamedText == "answer 1 of m" && model.requests.count == 1)
            let known = try await fixture.ledger.performance()
            #expect(known.map(\.answers) == [1] && known.map(\.exactHits) == [1])
        }
    }

    @Test(
        arguments: [
            ["prompt": "What is a kind?"], ["system": "Be short."], ["options": ["num_predict": 5]], ["format": ["type": "object"]],
            ["model": "n"], ["cache": "off"],
        ] as [[String: JSONValue]])
    func whatDiffersIsAskedAnew(change: [String: JSONValue]) async throws {
        let model = ScriptedModel([ScriptedModel.plain("m"), ScriptedModel.plain("n")]) { (request, _) throws(JobFailure) in
            ScriptedModel.answer("{}", to: request)
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            _ = try await ask(fixture)
            let other = try await ask(fixture, "What is a type?", change)
            #expect(["none", "off"].contains(hit(other)) && model.requests.count == 2)
        }
    }

    @Test func anotherModelUnderTheSameNameAnswersAnew() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            _ = try await ask(fixture)
            model.list([ScriptedModel.plain("m", digest: "d2")])
            #expect(hit(try await ask(fixture)) == "none" && model.requests.count == 2)
            model.list([ScriptedModel.plain("m", digest: "d1")])
            #expect(try await ask(fixture)["text"] == "answer 1 of m")
        }
    }

    @Test func anAnswerThatIsToVaryIsNotShared() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            for _ in 0..<2 { #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0.7]])) == "off") }
            #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0.7], "cache": "exact"])) == "none")
            #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0.7], "cache": "exact"])) == "exact")
            #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0.7, "seed": 1]])) == "none")
            #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0.7, "seed": 1.0]])) == "exact")
            #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0]])) == "none")
            #expect(hit(try await ask(fixture, "x", ["options": ["temperature": 0.0]])) == "exact")
        }
    }

    @Test func promptsThatMeanTheSameShareWhereTheJobSaysSo() async throws {
        let model = ScriptedModel()
        var rules = CacheRules()
        rules.similarity = 0.8
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            let semantic: [String: JSONValue] = ["cache": "semantic"]
            #expect(hit(try await ask(fixture, "Explain the generics of TypeScript to me please", semantic)) == "none")
            let near = try await ask(fixture, "Please explain the generics of TypeScript to me now", semantic)
            #expect(hit(near) == "semantic" && near["text"] == "answer 1 of m")
            #expect((0.8..<1).contains(near["cache"]?["similarity"]?.number ?? 0))
            #expect(hit(try await ask(fixture, "Please explain the generics of TypeScript to me now")) == "none", "only who says so")
            #expect(hit(try await ask(fixture, "How do whales sleep?", semantic)) == "none")
            #expect(
                hit(try await ask(fixture, "Explain the generics of TypeScript to me please", ["cache": "semantic", "system": "x"]))
                    == "none")
            #expect(hit(try await ask(fixture, "Explain the generics of TypeScript to me please", semantic)) == "exact")
            #expect(try await fixture.ledger.performance().map(\.semanticHits) == [1])
        }
    }

    @Test func cutAndFailedAnswersAreNotKept() async throws {
        let model = ScriptedModel { (request, number) throws(JobFailure) in
            if number == 0 { throw .retry("no", type: "http_500") }
            return ScriptedModel.answer("cut", to: request, truncated: number == 1)
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            await #expect(throws: JobFailure.self) { try await ask(fixture) }
            let cut = try await ask(fixture)
            #expect(cut["truncated"] == true && hit(cut) == "none")
            // The one after a cut answer asks for itself, and keeps nothing: for some seconds nobody waits for anybody.
            #expect(hit(try await ask(fixture)) == "none")
            #expect(try await fixture.ledger.cachedAnswers() == 0 && model.requests.count == 3)
        }
    }

    @Test func anAnswerWithoutAWordIsNotKept() async throws {
        let model = ScriptedModel { (request, number) throws(JobFailure) in ScriptedModel.answer(number == 0 ? " " : "said", to: request) }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            #expect(try await ask(fixture)["text"] == " ")
            #expect(try await ask(fixture)["text"] == "said")
        }
    }

    /// Embedders read only the beginning of a long text: two that begin alike would count as the same.
    @Test func longPromptsAreNotComparedByMeaning() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let document = String(repeating: "It was a dark and stormy night. ", count: 100)
            for question in ["Who is the thief?", "Who is the poet?"] {
                #expect(hit(try await ask(fixture, document + question, ["cache": "semantic"])) == "none")
            }
            #expect(hit(try await ask(fixture, document + "Who is the poet?", ["cache": "semantic"])) == "exact")
            #expect(model.requests.count == 2 && model.embedded.isEmpty)
        }
    }

    /// Otherwise each would wait for the one before it, and most would end for want of time.
    @Test func whoWaitedForAFailureThatLastsFailsWithoutWaitingForTheNext() async throws {
        let gate = Gate()
        let all = 4
        let model = ScriptedModel { (request, number) throws(JobFailure) in
            if number == 0 { try await gate.wait() }
            throw .permanent("no", type: "http_400")
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            await withTaskGroup(of: JobFailure?.self) { group in
                for _ in 0..<all {
                    group.addTask {
                        do { _ = try await ask(fixture) } catch { return error as? JobFailure }
                        return nil
                    }
                }
                gate.open()
                for await failure in group { #expect(failure?.type == "http_400") }
            }
            let leads = try await fixture.pool.query("SELECT outcome FROM prompt_leads")
            #expect(leads.map { try? $0.string("outcome") } == ["alone"])
        }
    }

    @Test func withoutPostgresEachAsksForItself() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            try await fixture.pool.script("DROP TABLE prompt_cache; DROP TABLE prompt_leads; DROP TABLE model_performance")
            for _ in 0..<2 { #expect(hit(try await ask(fixture)) == "none") }
            #expect(model.requests.count == 2)
        }
    }

    @Test func aServerThatCannotSayWhatItHasIsNotCached() async throws {
        let model = ScriptedModel()
        model.setAway(true)
        try await KindsFixture.run(models: model) { (fixture) async throws in
            for _ in 0..<2 { #expect(hit(try await ask(fixture)) == "off") }
        }
    }

    @Test func whatIsTooLargeOrTooOldIsNotGivenAgain() async throws {
        let model = ScriptedModel()
        var rules = CacheRules()
        rules.maxEntryBytes = 10
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            for _ in 0..<2 { #expect(hit(try await ask(fixture)) == "none") }
            #expect(try await fixture.ledger.cachedAnswers() == 0)
        }
        rules = CacheRules()
        rules.longestAge = .zero
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            for _ in 0..<2 { #expect(hit(try await ask(fixture)) == "off") }
        }
        rules.longestAge = .seconds(100)
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            _ = try await ask(fixture)
            try await fixture.pool.script("UPDATE prompt_cache SET created_at = created_at - interval '101 seconds'")
            #expect(hit(try await ask(fixture)) == "none")
            #expect(hit(try await ask(fixture)) == "exact")
        }
    }

    @Test func aChatFromTheCacheIsWrittenToItsSessionToo() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            for expected in ["none", "exact"] {
                let words = SpokenWords()
                let input: JSONValue = ["model": "m", "messages": [["role": "user", "content": "hello"]]]
                #expect(hit(try await fixture.run("chat", input, session: "s", conversation: words)) == expected)
                #expect(words.said.map(\.content) == ["hello", "answer 1 of m"])
            }
        }
    }

    // MARK: - Many at once

    private func many(_ count: Int, _ fixture: KindsFixture) -> [Task<JSONValue, any Error>] {
        (0..<count).map { _ in Task { try await ask(fixture) } }
    }

    @Test func ofManyEqualRequestsOneIsAsked() async throws {
        let gate = Gate()
        let model = ScriptedModel { (request, number) async throws(JobFailure) in
            try await gate.wait()
            return ScriptedModel.answer("answer \(number + 1)", to: request)
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let jobs = many(12, fixture)
            try await eventually { !model.requests.isEmpty }
            gate.open()
            var results: [JSONValue] = []
            for job in jobs { results.append(try await job.value) }
            #expect(model.requests.count == 1 && Set(results.map { $0["text"] }) == ["answer 1"])
            #expect(results.filter { hit($0) == "none" }.count == 1)
        }
    }

    @Test func whenTheOneThatAsksFailsOrIsCancelledAnotherOneTakesOver() async throws {
        let gate = Gate()
        let model = ScriptedModel { (request, number) async throws(JobFailure) in
            if number == 0 { try await gate.wait() }
            if number == 1 { throw .retry("The runner died", type: "http_500") }
            return ScriptedModel.answer("answer \(number + 1)", to: request)
        }
        // Longer than the test may take: whoever takes over was let to.
        var rules = CacheRules()
        rules.lease = .seconds(600)
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            let leader = Task { try await ask(fixture) }
            try await eventually { model.requests.count == 1 }
            let waiters = many(5, fixture)
            try await eventually { try await fixture.count("SELECT count(*) FROM prompt_leads WHERE outcome IS NULL") == 1 }
            leader.cancel()
            gate.open()
            await #expect(throws: JobFailure.self) { try await leader.value }
            var outcomes: [String] = []
            for waiter in waiters { outcomes.append((try? await waiter.value["text"]?.string) ?? "failed") }
            #expect(outcomes.sorted() == ["answer 3", "answer 3", "answer 3", "answer 3", "failed"])
        }
    }

    @Test func whenItsWorkerDiesAnotherOneTakesOverAfterTheLease() async throws {
        let model = ScriptedModel()
        var rules = CacheRules()
        rules.lease = .milliseconds(300)
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            let key = try #require(try await ask(fixture)["cache"]?["key"]?.string)
            try await fixture.pool.script("DELETE FROM prompt_cache")
            // A lead without anybody who renews it: its process is gone.
            #expect(try await fixture.ledger.leadPrompt(key, JobID(), attempt: 1, lease: rules.lease) == .mine)
            #expect(try await ask(fixture)["text"] == "answer 2 of m")
        }
    }

    @Test func aLongAnswerKeepsItsLead() async throws {
        let gate = Gate()
        let model = ScriptedModel { (request, number) async throws(JobFailure) in
            try await gate.wait()
            return ScriptedModel.answer("answer \(number + 1)", to: request)
        }
        var rules = CacheRules()
        rules.lease = .milliseconds(900)
        try await KindsFixture.run(models: model, cache: rules) { (fixture) async throws in
            let jobs = many(2, fixture)
            try await eventually { !model.requests.isEmpty }
            let before = try await fixture.count("SELECT (extract(epoch FROM max(until)) * 1000)::bigint FROM prompt_leads")
            try await eventually {
                try await fixture.count("SELECT (extract(epoch FROM max(until)) * 1000)::bigint FROM prompt_leads") > before + 1_000
            }
            #expect(model.requests.count == 1)
            gate.open()
            for job in jobs { #expect(try await job.value["text"] == "answer 1") }
        }
    }
}
