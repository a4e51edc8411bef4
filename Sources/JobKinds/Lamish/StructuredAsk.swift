internal import JobModel

/// One stage of a Lamish job: a prompt, answered as JSON that fits a schema. Servers may ignore the schema, so the answer is looked at; one
/// that does not fit is given back once with what is wrong, and then the job fails.
struct StructuredAsk: Sendable {
    /// Of an answer, before it is read: what a stage keeps goes into a step.
    static let maxAnswerBytes = 200_000

    let models: any ModelProvider
    let model: String
    let context: JobContext

    init(_ models: any ModelProvider, _ panel: ModelPanel, _ context: JobContext) {
        self.models = models
        self.context = context
        model = context.input["model"]?.string ?? panel.models.first ?? models.name
    }

    /// A durable step; `source` is what token events call it.
    func stage(
        _ name: String, _ prompt: Prompt, _ values: [String: String], schema: JSONValue
    ) async throws(JobFailure) -> JSONValue {
        try await context.step(name) { () throws(JobFailure) in try await ask(name, prompt, values, schema) }
    }

    private func ask(
        _ name: String, _ prompt: Prompt, _ values: [String: String], _ schema: JSONValue
    ) async throws(JobFailure) -> JSONValue {
        var messages = [ModelMessage(.system, Prompt.lamishSystem.filled([:])), ModelMessage(.user, prompt.filled(values))]
        var answer = try await answer(messages, schema, name)
        let first = answer
        var found = StructuredAsk.read(answer, schema)
        let isRepaired = found.value == nil
        if isRepaired {
            try await context.log("The answer to \(name) could not be used and is asked for again: \(found.fault ?? "")")
            // Where the answer is too long to be sent again, what is wrong with it must do.
            let shown = answer.text.clipped(to: 20_000)
            messages.append(ModelMessage(.user, Prompt.repair.filled(["faults": found.fault ?? "", "answer": shown])))
            answer = try await self.answer(messages, schema, "\(name) repair")
            found = StructuredAsk.read(answer, schema)
        }
        guard let value = found.value else {
            throw .permanent(
                "\(model) gave no usable answer to \(name), twice: \(found.fault ?? ""). Use a model that follows JSON schemas",
                type: "invalid_model_output")
        }
        var document = answer.document
        document["value"] = value
        if isRepaired {
            document["repaired"] = true
            document.merge([.object(first.document), .object(document)].usage?.object ?? [:]) { _, both in both }
        }
        return .object(document)
    }

    private func answer(_ messages: [ModelMessage], _ schema: JSONValue, _ source: String) async throws(JobFailure) -> ModelAnswer {
        try await models.answer(ModelRequest(model: model, task: .chat(messages), format: schema)) { (piece) throws(JobFailure) in
            context.tell(piece, from: source)
        }
    }

    /// The JSON object in an answer: models wrap it in fences and prose.
    static func read(_ answer: ModelAnswer, _ schema: JSONValue) -> (value: JSONValue?, fault: String?) {
        let text = answer.text
        guard text.utf8.count <= maxAnswerBytes else { return (nil, "it is longer than \(maxAnswerBytes) bytes") }
        guard let first = text.firstIndex(of: "{"), let last = text.lastIndex(of: "}"), first < last else {
            return (nil, answer.isTruncated ? "it was cut off by a limit of tokens" : "it has no JSON object")
        }
        guard let value = try? JSONReader.read(String(text[first...last])) else {
            return (nil, answer.isTruncated ? "it was cut off by a limit of tokens" : "it is not valid JSON")
        }
        let faults = JSONSchema(schema).faults(in: value)
        guard faults.isEmpty else {
            return (nil, faults.prefix(10).map { "\($0.pointer) \($0.detail)" }.joined(separator: "; "))
        }
        return (value, nil)
    }
}

/// Schemas of the plain sort.
enum Shape {
    static func object(_ members: [String: JSONValue]) -> JSONValue {
        ["type": "object", "properties": .object(members), "required": .array(members.keys.sorted().map(JSONValue.string))]
    }

    static func list(_ items: JSONValue, _ range: ClosedRange<Int> = 0...50) -> JSONValue {
        ["type": "array", "items": items, "minItems": .integer(Int64(range.lowerBound)), "maxItems": .integer(Int64(range.upperBound))]
    }

    static let text: JSONValue = ["type": "string", "minLength": 1]
    static let texts = list(text)
}

extension JSONValue {
    /// What a stage's answer says, without what it cost.
    var value: JSONValue { self["value"] ?? .null }
}

/// The stages of a Lamish job as they go by: each is told when it begins and when it has ended, so that its percentage is what is done.
struct Stages: Sendable {
    struct Stage: Sendable {
        let name: String
        let percent: Double
        let message: String
    }

    let list: [Stage]
    let context: JobContext

    /// Equal shares of the whole, to a tenth: 16.7, 33.3 … 100 for six.
    init(_ named: [(name: String, message: String)], in context: JobContext) {
        list = named.enumerated().map { index, stage in
            Stage(name: stage.name, percent: 100 * Double(index + 1) / Double(named.count), message: stage.message)
        }
        self.context = context
    }

    func run<Value>(_ index: Int, _ body: () async throws(JobFailure) -> Value) async throws(JobFailure) -> Value {
        try context.checkCancelled()
        let stage = list[index]
        let fields: [String: JSONValue] = ["stage": .integer(Int64(index + 1)), "of": .integer(Int64(list.count))]
        try await context.progress(index == 0 ? 0 : list[index - 1].percent, step: stage.name, stage.message + " …", fields: fields)
        let value = try await body()
        try await context.progress(stage.percent, step: stage.name, stage.message, fields: fields)
        return value
    }
}
