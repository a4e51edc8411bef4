/// How a model is to answer: the names and types that servers agree on. Ollama ignores names that it does not know, so they are refused here.
package struct ModelOptions: Sendable, Hashable {
    /// As they were given, all valid.
    package let values: [String: JSONValue]

    package init() {
        values = [:]
    }

    private init(values: [String: JSONValue]) {
        self.values = values
    }

    /// Names, types and bounds.
    static let known: [String: InputShape.FieldType] = [
        "temperature": .number(0...2), "top_p": .number(0...1), "top_k": .integer(0...1000), "min_p": .number(0...1),
        "typical_p": .number(0...1), "num_predict": .integer(1...100_000), "num_ctx": .integer(128...1_048_576),
        "seed": .integer(0...Int(Int32.max)), "repeat_penalty": .number(0...10), "repeat_last_n": .integer(-1...100_000),
        "presence_penalty": .number(-2...2), "frequency_penalty": .number(-2...2), "stop": .texts(maxCount: 16, maxLength: 200),
    ]

    /// Of a submission's `options`: these, or everything that is wrong with them. `pointer` is where they stand.
    package static func read(_ value: JSONValue?, at pointer: String = "#/input/options") -> Result<ModelOptions, InputShape.Faults> {
        guard let value, !value.isNull else { return .success(ModelOptions()) }
        guard let given = value.object else { return .failure(.init([.init(pointer: pointer, detail: "must be an object")])) }
        var faults: [InputShape.Fault] = []
        for (name, value) in given.sorted(by: { $0.key < $1.key }) where !value.isNull {
            let place = "\(pointer)/\(name.prefix(100))"
            guard let type = known[name] else {
                faults.append(.init(pointer: place, detail: "is no option; there are: \(known.keys.sorted().joined(separator: ", "))"))
                continue
            }
            if let detail = type.refusal(of: value) { faults.append(.init(pointer: place, detail: detail)) }
        }
        return faults.isEmpty ? .success(ModelOptions(values: given.filter { !$0.value.isNull })) : .failure(.init(faults))
    }

    package subscript(_ name: String) -> JSONValue? { values[name] }
}
