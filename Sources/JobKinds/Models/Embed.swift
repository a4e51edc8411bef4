/// `embedding`: texts as vectors of length 1.
import JobModel

struct Embed: JobHandler {
    static let kind: JobKind = JobKind(
        name: "embedding", summary: "Turns texts into vectors", queue: ModelFields.queue,
        input: InputShape([
            .init("model", .text(maxLength: 200), "its name at the model server; TIDEWHEEL_EMBEDDING_MODEL without a word"),
            .init("input", .textOrTexts(maxCount: 512, maxLength: 200_000), required: true, "a text, or several"),
            .init("cache", .choice(["off", "exact"]), standard: "exact", "whether an earlier answer is good enough"),
            ModelFields.category,
        ]),
        estimatedMilliseconds: 3_000)

    var kind: JobKind { Self.kind }
    let asking: AskModel
    let standardModel: String

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let input = context.input
        let texts = input["input"]?.string.map { [$0] } ?? input["input"]?.array?.compactMap(\.string) ?? []
        let category = input["task_category"]?.string ?? ModelPlace.generalCategory
        let wanted = input["model"]?.string ?? ChosenModel.auto
        try await context.progress(2, step: "choose", "looking for the model")
        // Vectors of two models cannot be compared: `auto` never means another one than last time.
        let name = wanted == ChosenModel.auto ? standardModel : wanted
        let chosen = try await asking.choosing.named(name, needing: ["embedding"])
        // Texts count as they are: they may be compared with vectors that were made elsewhere.
        let question = ModelQuestion(
            kind: kind.name, model: chosen, provider: asking.models.name, category: category,
            mode: CacheMode(input["cache"], ModelOptions()), prompt: "", rest: ["texts": .array(texts.map { .string($0) })])
        let given = try await asking.shared.answer(question, in: context) { () throws(JobFailure) in
            try await asking.counted(question.place) { () throws(JobFailure) in try await embed(texts, chosen.name, context) }
        }
        var result = given.facts
        result["cache"] = given.cache
        result["task_category"] = .string(category)
        return .object(result)
    }

    private func embed(_ texts: [String], _ model: String, _ context: JobContext) async throws(JobFailure) -> FreshAnswer {
        try await context.progress(10, step: "embed", "\(model) embeds \(texts.count) texts")
        let begin = ContinuousClock.now
        let vectors = try await asking.models.embed(texts, model: model)
        guard vectors.count == texts.count, let dimension = vectors.first?.count else {
            throw .retry("\(asking.models.name) returned \(vectors.count) vectors for \(texts.count) texts", type: "model_server")
        }
        let milliseconds = begin.duration(to: .now).milliseconds
        let facts: [String: JSONValue] = [
            "embeddings": .array(vectors.map { .array($0.map(Self.short)) }), "dimension": .integer(Int64(dimension)),
            "count": .integer(Int64(vectors.count)), "model": .string(model), "provider": .string(asking.models.name),
            "stand_in": .boolean(asking.models.isStandIn), "timings": ["total_ms": .integer(milliseconds)],
        ]
        return FreshAnswer(facts: facts, isWhole: true, milliseconds: milliseconds)
    }

    /// The shortest decimals that read back as the same float: half the bytes of the same number as a double.
    private static func short(_ value: Float) -> JSONValue {
        .number(Double(value.description) ?? Double(value))
    }
}
