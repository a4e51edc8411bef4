import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct ModelPerformanceTests {
    private let place = ModelPlace(model: "m", kind: "generate", category: "general")

    private func performance(_ fixture: LedgerFixture) async throws -> ModelPerformance {
        try #require(try await fixture.ledger.performance(models: ["m"], kind: "generate", category: "general").first)
    }

    @Test func callsAddUp() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await fixture.ledger.note(ModelCall(place, .answered(milliseconds: 100, tokens: 10)))
            try await fixture.ledger.note(ModelCall(place, .answered(milliseconds: 200, tokens: 20)))
            try await fixture.ledger.note(ModelCall(place, .failed))
            try await fixture.ledger.note(ModelCall(place, .exactHit(saved: 100)))
            try await fixture.ledger.note(ModelCall(place, .semanticHit(saved: 200)))
            let found = try await performance(fixture)
            #expect(found.answers == 2 && found.failures == 1 && found.meanMilliseconds == 150 && found.totalTokens == 30)
            #expect(found.exactHits == 1 && found.semanticHits == 1 && found.savedMilliseconds == 300)
            #expect(abs((found.recentMilliseconds ?? 0) - 110) < 1e-9 && abs(found.recentFailures - 0.1) < 1e-9)
        }
    }

    @Test func noCallIsLostWhereManyCountAtOnce() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    let place = ModelPlace(model: "m", kind: "generate", category: number.isMultiple(of: 2) ? "general" : "code")
                    group.addTask { try await fixture.ledger.note(ModelCall(place, .answered(milliseconds: 10, tokens: 1))) }
                }
                try await group.waitForAll()
            }
            let found = try await fixture.ledger.performance(kind: "generate")
            #expect(found.map(\.answers) == [100, 100] && found.allSatisfy { abs(($0.recentMilliseconds ?? 0) - 10) < 1e-6 })
        }
    }

    @Test func feedbackCountsOnceForEachAnswerAndCaller() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            func say(_ score: Double, of job: JobID?, by caller: String = "", category: String = "general") async throws {
                var feedback = ModelFeedback(model: "m", kind: "generate", category: category, score: score)
                feedback.jobID = job
                feedback.givenBy = caller
                feedback.reason = "why\u{0}"
                try await fixture.ledger.store(feedback)
            }
            let job = JobID()
            try await say(1, of: nil)
            try await say(1, of: nil)
            try await say(-1, of: job, category: "code")
            try await say(0.5, of: job)
            try await say(-0.5, of: job, by: "k")
            let found = try await performance(fixture)
            #expect(found.feedback == 4 && abs(found.feedbackSum - 2) < 1e-9)
            #expect(try await fixture.ledger.performance(category: "code").first?.feedback == 0)
            #expect(try await fixture.number("SELECT count(*) AS n FROM model_feedback WHERE reason = 'why'") == 4)
        }
    }

    @Test func whatNobodyHeardOfForLongIsForgotten() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let leader = try #require(try await fixture.leader())
            try await fixture.ledger.store(ModelFeedback(model: "m", kind: "generate", category: "old", score: 1))
            try await fixture.pool.script(
                "UPDATE model_feedback SET created_at = now() - interval '91 days'; UPDATE model_performance SET updated_at = now() - interval '91 days'"
            )
            try await fixture.ledger.note(ModelCall(place, .failed))
            #expect(try await fixture.ledger.forgetModels(silentForDays: 90, leader) == 1)
            #expect(try await fixture.ledger.performance().map(\.place.category) == ["general"])
            #expect(try await fixture.number("SELECT count(*) AS n FROM model_feedback") == 0)
        }
    }

    @Test(
        arguments: [
            (["usage": ["prompt_tokens": 7, "answer_tokens": 3]], "7 3"),
            (["usage": ["answer_tokens": 3], "cache": ["hit": "none"]], "- 3"),
            (["usage": ["prompt_tokens": 7, "answer_tokens": 3], "cache": ["hit": "exact"]], "- -"), ([:], "- -"),
            (["usage": ["prompt_tokens": -1, "answer_tokens": 1.5]], "- -"), (["usage": ["prompt_tokens": "many"], "cache": []], "- -"),
            (["usage": "none", "cache": 5], "- -"), (["usage": ["prompt_tokens": 1e30, "answer_tokens": [1]]], "- -"),
        ] as [(JSONValue, String)])
    func tokensOfAResultAreInTheJobsRow(result: JSONValue, tokens: String) async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let claim = try await fixture.running()
            #expect(try await fixture.ledger.record(.completed(result), of: claim, at: .now) == .recorded)
            let row = try #require(
                try await fixture.pool.query(
                    "SELECT coalesce(tokens_in::text, '-') || ' ' || coalesce(tokens_out::text, '-') AS t FROM jobs"
                ).first)
            #expect(try row.string("t") == tokens)
        }
    }
}
