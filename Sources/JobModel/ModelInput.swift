/// What submissions say to models: checked at the door, and read by the kinds that talk to them.
package enum ModelInput {
    static let thinkingWords = "must be true, false, or one of: low, medium, high"
    /// Ollama and others give up on schemas that are nested deeper.
    private static let maxSchemaDepth = 32

    /// Nil for what is none.
    package static func thinking(_ value: JSONValue?) -> Thinking? {
        guard let value, !value.isNull else { return .off }
        if let flag = value.boolean { return flag ? .on : .off }
        return value.string.flatMap { ["low", "medium", "high"].contains($0) ? .level($0) : nil }
    }

    /// Of an input that was accepted.
    package static func messages(_ value: JSONValue?) -> [ModelMessage] {
        (value?.array ?? []).compactMap { message in
            message["role"]?.string.flatMap(MessageRole.init).map { ModelMessage($0, message["content"]?.string ?? "") }
        }
    }

    /// Of an input that was accepted.
    package static func options(_ value: JSONValue?) -> ModelOptions {
        (try? ModelOptions.read(value).get()) ?? ModelOptions()
    }

    static func faults(ofOptions value: JSONValue, at pointer: String) -> [InputShape.Fault] {
        if case .failure(let faults) = ModelOptions.read(value, at: pointer) { faults.list } else { [] }
    }

    /// Something must have been said last that can be answered: by a person or a tool.
    static func faults(ofMessages value: JSONValue, maxCount: Int, maxBytes: Int, at pointer: String) -> [InputShape.Fault] {
        guard let messages = value.array else { return [.init(pointer: pointer, detail: "must be an array of messages")] }
        guard (1...maxCount).contains(messages.count) else {
            return [.init(pointer: pointer, detail: "must have 1 to \(maxCount) messages")]
        }
        let faults = messages.enumerated().flatMap { index, message in Self.faults(of: message, at: "\(pointer)/\(index)") }
        guard faults.isEmpty else { return Array(faults.prefix(20)) }
        let size = messages.reduce(0) { $0 + ($1["content"]?.string?.utf8.count ?? 0) }
        guard size <= maxBytes else { return [.init(pointer: pointer, detail: "must have at most \(maxBytes) bytes of content in all")] }
        let last = messages.last?["role"]?.string
        return last == "user" || last == "tool"
            ? [] : [.init(pointer: "\(pointer)/\(messages.count - 1)/role", detail: "must be user or tool in the last message")]
    }

    private static func faults(of message: JSONValue, at pointer: String) -> [InputShape.Fault] {
        guard let members = message.object else { return [.init(pointer: pointer, detail: "must be an object with role and content")] }
        var faults = members.keys.sorted().filter { $0 != "role" && $0 != "content" }
            .map {
                InputShape.Fault(pointer: "\(pointer)/\($0.prefix(100))", detail: "is not a member of a message; there are: content, role")
            }
        let roles = MessageRole.allCases.map(\.rawValue)
        if members["role"]?.string.map(roles.contains) != true {
            faults.append(.init(pointer: "\(pointer)/role", detail: "must be one of: \(roles.joined(separator: ", "))"))
        }
        if members["content"]?.string?.isEmpty ?? true {
            faults.append(.init(pointer: "\(pointer)/content", detail: "must be a string that is not empty"))
        }
        return faults
    }

    /// What servers make a grammar of: an object with a type, not too large and not too deep.
    static func faults(ofSchema value: JSONValue, maxBytes: Int, at pointer: String) -> [InputShape.Fault] {
        guard value.object != nil else { return [.init(pointer: pointer, detail: "must be a JSON Schema, which is an object")] }
        guard ["object", "array"].contains(value["type"]?.string) else {
            return [.init(pointer: "\(pointer)/type", detail: "must be object or array")]
        }
        guard value.bytes.count <= maxBytes else { return [.init(pointer: pointer, detail: "must be at most \(maxBytes) bytes of JSON")] }
        return depth(value, atMost: maxSchemaDepth) <= maxSchemaDepth
            ? [] : [.init(pointer: pointer, detail: "must be nested at most \(maxSchemaDepth) levels deep")]
    }

    private static func depth(_ value: JSONValue, atMost limit: Int) -> Int {
        guard limit > 0 else { return 1 }
        switch value {
        case .array(let values): return 1 + (values.map { depth($0, atMost: limit - 1) }.max() ?? 0)
        case .object(let members): return 1 + (members.values.map { depth($0, atMost: limit - 1) }.max() ?? 0)
        default: return 0
        }
    }
}
