/// `translation`: a text through other languages and back, and how its meaning drifted on the way. Reads top to bottom; every leg and the
/// analysis are durable steps.
package import JobModel

package struct TranslateRoundTrip: JobHandler {
    package static let kind = JobKind(
        name: "translation", summary: "Translates a text through other languages and back, and measures what is lost", queue: "models",
        input: InputShape([
            .init("text", .text(maxLength: 20_000), required: true, "what is translated"),
            .init(
                "languages", .texts(minCount: 1, maxCount: 5, maxLength: 100), standard: ["French"], "languages it goes through, in order"),
            .init("source_language", .text(maxLength: 100), standard: "auto", "its own language"),
            .init("model", .text(maxLength: 200), "who does it"),
        ]), estimatedMilliseconds: 45_000,
        // One language there and back is of weight 1.
        weight: { input in
            input["text"] == nil ? nil : Double(max(1, input["languages"]?.array?.count ?? 1) + 2) / 3
        },
        label: { input in
            let languages = (input["languages"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
            return JobLabel("Round trip", languages, description: input["text"]?.string)
        })

    package var kind: JobKind { Self.kind }
    private let models: any ModelProvider
    private let panel: ModelPanel
    private let embeddingModel: String

    package init(models: any ModelProvider, panel: ModelPanel, embeddingModel: String) {
        self.models = models
        self.panel = panel
        self.embeddingModel = embeddingModel
    }

    private static let stages: [(name: String, message: String)] = [
        ("initialise", "Initializing analysis"), ("forward", "Forward translation"), ("backward", "Backward translation"),
        ("drift", "Analyzing semantic drift"), ("complete", "Analysis complete"),
    ]

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let ask = StructuredAsk(models, panel, context)
        let stages = Stages(Self.stages, in: context)
        let text = context.input["text"]?.string ?? ""
        let languages = try await stages.run(0) { () throws(JobFailure) in Self.languages(context.input) }
        let source = context.input["source_language"]?.string ?? "auto"
        let forward = try await stages.run(1) { () throws(JobFailure) in try await translate(text, from: source, through: languages, ask) }
        let backward = try await stages.run(2) { () throws(JobFailure) in
            try await back(forward.last?["text"]?.string ?? text, from: languages.last ?? source, to: source, original: text, ask)
        }
        let returned = backward["text"]?.string ?? ""
        let (distance, drift) = try await stages.run(3) { () throws(JobFailure) in
            (try await measure(text, returned, context), try await analyse(text, returned, languages, ask))
        }
        return try await stages.run(4) { () throws(JobFailure) in
            var result: [String: JSONValue] = [
                "original": .string(text), "returned": .string(returned), "source_language": .string(source),
                "languages": .array(languages.map(JSONValue.string)), "forward": .array(forward), "backward": backward,
                "drift": distance, "preserved_elements": drift.value["preserved"] ?? [], "lost_elements": drift.value["lost"] ?? [],
                "added_elements": drift.value["added"] ?? [], "summary": drift.value["summary"] ?? "", "analysis": drift,
                "model": .string(ask.model), "stand_in": .boolean(models.isStandIn),
                "prompts": [Prompt.lamishSystem, .translate, .drift, .repair].versions,
            ]
            result["usage"] = (forward + [backward, drift]).usage
            return .object(result)
        }
    }

    private static func languages(_ input: JSONValue) -> [String] {
        input["languages"]?.array?.compactMap(\.string) ?? []
    }

    private static let translated = Shape.object(["translation": Shape.text])

    /// One leg after the other, each from what the last one left.
    private func translate(
        _ text: String, from source: String, through languages: [String], _ ask: StructuredAsk
    ) async throws(JobFailure) -> [JSONValue] {
        var legs: [JSONValue] = []
        var text = text
        var source = source
        for (number, target) in languages.enumerated() {
            let leg = try await ask.stage(
                "forward-\(number + 1)", .translate, ["source": source, "target": target, "text": text], schema: Self.translated)
            text = leg.value["translation"]?.string ?? ""
            legs.append(Self.leg(leg, from: source, to: target))
            source = target
        }
        return legs
    }

    private func back(
        _ text: String, from language: String, to source: String, original: String, _ ask: StructuredAsk
    ) async throws(JobFailure) -> JSONValue {
        // Which language is meant, the original shows best.
        let target = source == "auto" ? "the language of the words “\(original.prefix(200))”" : source
        let leg = try await ask.stage(
            "backward", .translate, ["source": language, "target": target, "text": text], schema: Self.translated)
        return Self.leg(leg, from: language, to: source)
    }

    private static func leg(_ stage: JSONValue, from source: String, to target: String) -> JSONValue {
        var leg = stage.object ?? [:]
        leg["value"] = nil
        leg["from"] = .string(source)
        leg["to"] = .string(target)
        leg["text"] = stage.value["translation"] ?? ""
        return .object(leg)
    }

    /// 0 where the meaning is the same, 1 where the two have nothing in common: one minus the cosine of their embeddings.
    private func measure(_ original: String, _ returned: String, _ context: JobContext) async throws(JobFailure) -> JSONValue {
        try await context.step("measure") { () throws(JobFailure) in
            let vectors = try await models.embed([original, returned], model: embeddingModel)
            guard vectors.count == 2, vectors[0].count == vectors[1].count else {
                throw .permanent("\(embeddingModel) gave vectors that cannot be compared", type: "invalid_model_output")
            }
            let cosine = Double(zip(vectors[0], vectors[1]).reduce(0) { $0 + $1.0 * $1.1 })
            let rounded = { (value: Double) in JSONValue.number((value * 10_000).rounded() / 10_000) }
            return [
                "similarity": rounded(min(1, max(-1, cosine))), "semantic_drift": rounded(1 - min(1, max(0, cosine))),
                "embedding_model": .string(embeddingModel),
            ]
        }
    }

    private func analyse(
        _ original: String, _ returned: String, _ languages: [String], _ ask: StructuredAsk
    ) async throws(JobFailure) -> JSONValue {
        try await ask.stage(
            "drift", .drift, ["languages": languages.joined(separator: ", "), "original": original, "returned": returned],
            schema: Shape.object(["preserved": Shape.texts, "lost": Shape.texts, "added": Shape.texts, "summary": Shape.text]))
    }
}
