/// `projection`: a narrative told anew in another world, by somebody else, in a style. Reads top to bottom; every stage is a durable step.
package import JobModel

package struct ProjectNarrative: JobHandler {
    package static let kind = JobKind(
        name: "projection", summary: "Projects a narrative into another world, as an allegory", queue: "models",
        input: InputShape([
            .init("narrative", .text(maxLength: 50_000), required: true, "what is projected"),
            .init("persona", .text(maxLength: 1_000), standard: "neutral", "who tells it: a name, or `name: description`"),
            .init("namespace", .text(maxLength: 1_000), standard: "lamish-galaxy", "the world it moves to: a name, or `name: description`"),
            .init("style", .text(maxLength: 1_000), standard: "standard", "how it is told: a name, or `name: description`"),
            .init("model", .text(maxLength: 200), "who does it"),
        ]), estimatedMilliseconds: 60_000,
        label: { input in
            let named = ["persona", "namespace", "style"].compactMap { input[$0]?.string?.prefix { $0 != ":" } }.joined(separator: ", ")
            return JobLabel("Projection", named, description: input["narrative"]?.string)
        })

    package var kind: JobKind { Self.kind }
    private let models: any ModelProvider
    private let panel: ModelPanel

    package init(models: any ModelProvider, panel: ModelPanel) {
        self.models = models
        self.panel = panel
    }

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let work = Projection(ask: StructuredAsk(models, panel, context))
        let stages = Stages(Projection.stages, in: context)
        let configuration = try await stages.run(0) { () throws(JobFailure) in work.configuration }
        let elements = try await stages.run(1) { () throws(JobFailure) in try await work.deconstruct() }
        let mappings = try await stages.run(2) { () throws(JobFailure) in try await work.map(elements) }
        let retold = try await stages.run(3) { () throws(JobFailure) in try await work.reconstruct(elements, mappings) }
        let styled = try await stages.run(4) { () throws(JobFailure) in try await work.stylise(retold) }
        let reflection = try await stages.run(5) { () throws(JobFailure) in try await work.reflect(styled) }
        var result: [String: JSONValue] = [
            "title": retold.value["title"] ?? .null, "projection": styled.value["narrative"] ?? .null,
            "reflection": reflection.value["reflection"] ?? .null, "configuration": configuration,
            "stages": [
                "deconstruct": elements, "map": mappings, "reconstruct": retold, "stylise": styled, "reflect": reflection,
            ],
            "model": .string(work.ask.model), "stand_in": .boolean(models.isStandIn), "prompts": Projection.prompts.versions,
        ]
        result["usage"] = [elements, mappings, retold, styled, reflection].usage
        return .object(result)
    }
}

/// What the stages ask and hand on.
private struct Projection: Sendable {
    static let stages: [(name: String, message: String)] = [
        ("configuration", "Initializing configuration"), ("deconstruct", "Creating projection: the narrative is taken apart"),
        ("map", "Mapping its elements into the namespace"), ("reconstruct", "Reconstructing the narrative in its new world"),
        ("stylise", "Stylising the narrative"), ("reflect", "Finalizing projection: reflecting on it"),
    ]
    static let prompts = [Prompt.lamishSystem, .deconstruct, .map, .reconstruct, .stylise, .reflect, .repair]

    let ask: StructuredAsk
    private let narrative: String
    private let persona: Worlds.Attribute
    private let namespace: Worlds.Attribute
    private let style: Worlds.Attribute

    init(ask: StructuredAsk) {
        self.ask = ask
        let input = ask.context.input
        narrative = input["narrative"]?.string ?? ""
        persona = Worlds.persona(input["persona"]?.string ?? "neutral")
        namespace = Worlds.namespace(input["namespace"]?.string ?? "lamish-galaxy")
        style = Worlds.style(input["style"]?.string ?? "standard")
    }

    var configuration: JSONValue {
        let shown = { (attribute: Worlds.Attribute) -> JSONValue in
            ["name": .string(attribute.name), "description": .string(attribute.meaning)]
        }
        return ["persona": shown(persona), "namespace": shown(namespace), "style": shown(style), "model": .string(ask.model)]
    }

    func deconstruct() async throws(JobFailure) -> JSONValue {
        try await ask.stage(
            "deconstruct", .deconstruct, ["narrative": narrative],
            schema: Shape.object([
                "actors": Shape.list(Shape.object(["name": Shape.text, "role": Shape.text]), 1...50), "setting": Shape.text,
                "conflict": Shape.text, "events": Shape.list(Shape.text, 1...50), "themes": Shape.texts, "tone": Shape.text,
            ]))
    }

    func map(_ elements: JSONValue) async throws(JobFailure) -> JSONValue {
        try await ask.stage(
            "map", .map,
            ["namespace": namespace.name, "namespace_meaning": namespace.meaning, "elements": elements.value.serialized],
            schema: Shape.object([
                "mappings": Shape.list(Shape.object(["from": Shape.text, "to": Shape.text, "why": Shape.text]), 1...100)
            ]))
    }

    func reconstruct(_ elements: JSONValue, _ mappings: JSONValue) async throws(JobFailure) -> JSONValue {
        try await ask.stage(
            "reconstruct", .reconstruct,
            [
                "namespace": namespace.name, "persona": persona.name, "persona_meaning": persona.meaning,
                "elements": elements.value.serialized, "mappings": mappings.value["mappings"]?.serialized ?? "",
            ],
            schema: Shape.object(["title": Shape.text, "narrative": Shape.text]))
    }

    func stylise(_ retold: JSONValue) async throws(JobFailure) -> JSONValue {
        try await ask.stage(
            "stylise", .stylise,
            [
                "style": style.name, "style_meaning": style.meaning, "persona": persona.name,
                "narrative": retold.value["narrative"]?.string ?? "",
            ],
            schema: Shape.object(["narrative": Shape.text]))
    }

    func reflect(_ styled: JSONValue) async throws(JobFailure) -> JSONValue {
        try await ask.stage(
            "reflect", .reflect, ["narrative": narrative, "projection": styled.value["narrative"]?.string ?? ""],
            schema: Shape.object(["reflection": Shape.text, "preserved": Shape.texts, "changed": Shape.texts]))
    }
}
