/// `configuration`: personas, namespaces and styles for projections, invented to a description.
package import JobModel

package struct InventConfiguration: JobHandler {
    package static let kind = JobKind(
        name: "configuration", summary: "Invents personas, namespaces and styles for projections", queue: "models",
        input: InputShape([
            .init("description", .text(maxLength: 10_000), required: true, "what they are for"),
            .init("count", .integer(1...10), standard: 3, "how many of each"),
            .init("model", .text(maxLength: 200), "who does it"),
        ]), estimatedMilliseconds: 30_000,
        weight: { input in input["description"] == nil ? nil : Double(input["count"]?.integer ?? 3) / 3 },
        label: { JobLabel("Configuration", $0["description"]?.string) })

    package var kind: JobKind { Self.kind }
    private let models: any ModelProvider
    private let panel: ModelPanel

    package init(models: any ModelProvider, panel: ModelPanel) {
        self.models = models
        self.panel = panel
    }

    private static let attributes = [
        (name: "personas", meaning: "A persona is who tells a story: what it notices, and how it judges."),
        (name: "namespaces", meaning: "A namespace is a world with its own laws, powers and currencies, to which a story can be moved."),
        (name: "styles", meaning: "A style is how a story is told: its diction, rhythm and form."),
    ]

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let ask = StructuredAsk(models, panel, context)
        let count = context.input["count"]?.integer ?? 3
        let stages = Stages(Self.attributes.map { ($0.name, "Generating \($0.name)") }, in: context)
        var result: [String: JSONValue] = [
            "description": context.input["description"] ?? "", "model": .string(ask.model), "stand_in": .boolean(models.isStandIn),
            "prompts": [Prompt.lamishSystem, .attributes, .repair].versions,
        ]
        var answers: [JSONValue] = []
        for (index, attribute) in Self.attributes.enumerated() {
            let values = [
                "count": "\(count)", "attributes": attribute.name, "meaning": attribute.meaning,
                "description": context.input["description"]?.string ?? "",
            ]
            let stage = try await stages.run(index) { () throws(JobFailure) in
                try await ask.stage(attribute.name, .attributes, values, schema: Self.schema(count))
            }
            result[attribute.name] = stage.value["attributes"] ?? []
            answers.append(stage)
        }
        result["usage"] = answers.usage
        return .object(result)
    }

    private static func schema(_ count: Int) -> JSONValue {
        Shape.object(["attributes": Shape.list(Shape.object(["name": Shape.text, "description": Shape.text]), count...count)])
    }
}
