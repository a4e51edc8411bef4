internal import JobModel

/// submit_job: a job of any kind, with its input in `input` or side by side with the options, as clients of model queues write it.
enum SubmitJobTool {
    /// Fields of model kinds that are named here because callers look for them; any other field of the kind is taken too.
    private static let common: [InputShape.Field] = [
        .init("model", .text(maxLength: 200), "for model kinds: the model's name, or auto"),
        .init("prompt", .text(maxLength: 900_000), "for generate: what is asked"),
        .init("options", .object, "for model kinds: temperature, num_predict, seed …"),
        .init("agent", .text(maxLength: 200), "who asks; kept in the metadata"),
    ]

    private static let aliases = [
        "job_type": "kind", "type": "kind", "model_name": "model", "job_name": "title", "name": "title", "description": "title",
    ]

    static func tool(_ kinds: [KindInfo]) -> Tool {
        Tool(
            name: "submit_job", title: "Submit a job of any kind",
            description:
                "Submit a job of any kind. Give the kind, and its input either as the object `input` or as arguments of this tool: "
                + "submit_job(kind=\"generate\", model=\"llama2\", prompt=\"…\"). \(KindWords.followUp)\n\nKinds:\n"
                + kinds.map { "- \($0.name): \($0.summary)\(needs($0))" }.joined(separator: "\n"),
            input: ArgumentShape(schema: schema(kinds), aliases: aliases.filter { $0.key != "description" }, isOpen: true),
            output: Submitted.schema, nature: .submit(reachesOut: true), inputs: inputs, run: submit)
    }

    /// Beside an `input` there are options only.
    @Sendable private static func inputs(_ arguments: [String: JSONValue], _ kinds: [KindInfo]) -> Set<String> {
        guard arguments["input"]?.object == nil else { return [] }
        return kinds.first { $0.name == arguments["kind"]?.string }?.fieldsLikeOptions ?? []
    }

    private static func needs(_ kind: KindInfo) -> String {
        let required = (kind.schema["required"]?.array ?? []).compactMap(\.string)
        return required.isEmpty ? "" : " (needs \(required.joined(separator: ", ")))"
    }

    private static func schema(_ kinds: [KindInfo]) -> JSONValue {
        var properties = SubmissionFields.schemas
        for field in common { properties[field.name] = field.schema }
        properties["kind"] = ["type": "string", "enum": .array(kinds.map { .string($0.name) }), "description": "what the job does"]
        properties["input"] = ["description": "the kind's input, an object; for embedding also the text or texts alone"]
        properties["messages"] = ["type": "array", "items": ["type": "object"], "description": "for chat: what was said, the latest last"]
        return ["type": "object", "properties": .object(properties), "required": ["kind"]]
    }

    @Sendable private static func submit(_ call: ToolCall) async throws(ToolFault) -> ToolAnswer {
        let name = call.text("kind") ?? ""
        guard let kind = call.kinds.first(where: { $0.name == name }) else { throw unknown(name, call.kinds) }
        let (input, besides) = try input(of: kind, call.arguments)
        var call = call
        if !besides.contains("agent"), let agent = call.text("agent") {
            let metadata = call.arguments["metadata"]?.object ?? [:]
            call.arguments["metadata"] = .object(metadata.merging(["agent": .string(agent)]) { own, _ in own })
        }
        do throws(ToolFault) {
            var answer = try await call.submit(
                kind.name, input: input, besides: besides, opening: "Job of kind \(kind.name) queued for processing")
            answer.inClientsWords(call)
            return answer
        } catch {
            guard call.arguments["input"]?.object == nil else { throw error }
            throw error.renaming { $0.hasPrefix("#/input/") ? "#/" + $0.dropFirst("#/input/".count) : $0 }
        }
    }

    private static func unknown(_ name: String, _ kinds: [KindInfo]) -> ToolFault {
        let near = ToolNames.nearest(to: name, among: kinds.map(\.name)).first.map { "; did you mean \($0)?" } ?? ""
        return ToolFault([.init(pointer: "#/kind", detail: "must be one of: \(kinds.map(\.name).joined(separator: ", "))\(near)")])
    }

    /// The object `input`, or the kind's fields among the arguments; both where they do not meet.
    private static func input(
        of kind: KindInfo, _ arguments: [String: JSONValue]
    ) throws(ToolFault) -> (input: JSONValue, besides: Set<String>) {
        var input = arguments["input"]?.object ?? [:]
        var besides: Set<String> = []
        var faults: [InputShape.Fault] = []
        for (name, value) in arguments.sorted(by: { $0.key < $1.key }) where name != "kind" {
            if name == "agent", kind.fields[name] == nil { continue }
            guard faults.count < ArgumentShape.maxFaults else { break }
            if name == "input" {
                guard value.object == nil else { continue }
                guard kind.fields["input"] != nil else {
                    faults.append(.init(pointer: "#/input", detail: "must be an object: the input of \(kind.name)"))
                    continue
                }
            } else if !kind.takes(name) || (SubmissionFields.names.contains(name) && arguments["input"]?.object != nil) {
                guard !SubmissionFields.names.contains(name) else { continue }
                faults.append(.init(pointer: "#/\(ToolNames.cut(name))", detail: refusal(name, kind)))
                continue
            }
            besides.insert(name)
            if input.updateValue(value, forKey: name) != nil {
                faults.append(.init(pointer: "#/\(ToolNames.cut(name))", detail: "stands in input too"))
            }
        }
        guard faults.isEmpty else { throw ToolFault(faults) }
        return (.object(input), besides)
    }

    private static func refusal(_ name: String, _ kind: KindInfo) -> String {
        let near = ToolNames.nearest(to: name, among: kind.fields.keys.sorted() + SubmissionFields.names.sorted()).first
        let there = near.map { "did you mean \($0)?" } ?? "its fields are: \(kind.fields.keys.sorted().joined(separator: ", "))"
        return "is neither an option nor a field of \(kind.name); \(there)"
    }
}

extension ToolAnswer {
    /// What clients of model queues look for in the answer.
    fileprivate mutating func inClientsWords(_ call: ToolCall) {
        var more = content
        more["jobId"] = content["job_id"]
        more["jobName"] = call.arguments["title"]
        more["queuePosition"] = content["queue_position"]
        var copy = ToolAnswer(text, more)
        copy.isError = isError
        copy.submitted = submitted
        copy.retryAfter = retryAfter
        self = copy
    }
}
