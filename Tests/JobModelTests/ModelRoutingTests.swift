import JobModel
import Testing

@Suite struct ModelRoutingTests {
    private func record(
        _ model: String, answers: Int64 = 0, milliseconds: Double? = nil, failing: Double = 0, scores: [Double] = [],
        category: String = "general"
    ) -> ModelPerformance {
        var record = ModelPerformance(ModelPlace(model: model, kind: "generate", category: category))
        record.answers = answers
        record.recentMilliseconds = milliseconds
        record.recentFailures = failing
        record.feedback = Int64(scores.count)
        record.feedbackSum = scores.reduce(0, +)
        return record
    }

    private func chosen(_ known: [ModelPerformance], among models: [String] = ["a", "b"], category: String = "general") -> String? {
        ModelRouting(among: models, known: known, kind: "generate", category: category)?.chosen.model
    }

    @Test func withoutKnowledgeTheFirstNameIsTakenAndToldSo() throws {
        let routing = try #require(ModelRouting(among: ["b", "a"], known: [], kind: "generate", category: "general"))
        #expect(routing.chosen.model == "a" && routing.why == "a has not been asked yet; it is tried beside 1 others")
        #expect(ModelRouting(among: [], known: [], kind: "generate", category: "general") == nil)
        #expect(ModelRouting(among: ["x"], known: [], kind: "generate", category: "c")?.why == "x is the only model that can do this")
    }

    @Test func feedbackFailuresAndSpeedDecide() {
        let even = [record("a", answers: 50, milliseconds: 1_000), record("b", answers: 50, milliseconds: 1_000)]
        #expect(chosen(even) == "a")
        #expect(chosen([even[0], record("b", answers: 50, milliseconds: 1_000, scores: [0.8, 0.9])]) == "b")
        #expect(chosen([record("a", answers: 50, milliseconds: 1_000, failing: 0.5), even[1]]) == "b")
        #expect(chosen([record("a", answers: 50, milliseconds: 4_000), even[1]]) == "b")
        // Good answers are worth waiting for.
        #expect(chosen([record("a", answers: 50, milliseconds: 9_000, scores: [1, 1, 1, 1, 1, 1]), even[1]]) == "a")
    }

    @Test func aModelThatWasNeverAskedIsTriedBesideAMiddlingOne() {
        let busy = record("a", answers: 500, milliseconds: 1_000, scores: [-0.2, 0.1, -0.3])
        #expect(chosen([busy]) == "b")
        #expect(chosen([record("a", answers: 500, milliseconds: 1_000, scores: Array(repeating: 0.9, count: 20))]) == "a")
    }

    @Test func whatIsKnownOfTheCategoryCountsBeforeTheRest() {
        let known = [
            record("a", answers: 20, milliseconds: 500, scores: [1, 1, 1, 1]), record("b", answers: 20, milliseconds: 500),
            record("a", answers: 5, milliseconds: 500, scores: [-1, -1, -1], category: "code"),
            record("b", answers: 5, milliseconds: 500, scores: [1, 1, 1], category: "code"),
        ]
        #expect(chosen(known) == "a" && chosen(known, category: "code") == "b")
        let routing = ModelRouting(among: ["a", "b"], known: known, kind: "generate", category: "code")
        #expect(routing?.why == "b has the best score of 2 models for code tasks, ahead of a mainly by what is thought of its answers")
        #expect(routing?.document["candidates"]?.array?.count == 2 && routing?.document["chosen"] == "b")
    }
}
