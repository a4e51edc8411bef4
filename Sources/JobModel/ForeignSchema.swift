/// Inputs of kinds that other programs declare with a JSON Schema: checked at the door like those of our own.
extension InputShape {
    /// `default` of the schema's own properties is filled in, as our own kinds do it.
    static func accept(_ input: JSONValue, _ schema: JSONValue) -> Result<JSONValue, Faults> {
        guard var members = input.object else { return .failure(Faults([Fault(pointer: "#/input", detail: "must be an object")])) }
        for (name, property) in schema["properties"]?.object ?? [:] where members[name] == nil {
            members[name] = property["default"]
        }
        let faults = JSONSchema(schema).faults(in: .object(members)).map { fault in
            Fault(pointer: "#/input" + fault.pointer.dropFirst(), detail: fault.detail)
        }
        return faults.isEmpty ? .success(.object(members)) : .failure(Faults(faults))
    }

    package static let maxSchemaBytes = 64 << 10
    package static let maxSchemaDepth = 24

    /// Why a schema is not good for an input, as the end of a sentence; nil where it is. A schema that would cost too much for the smallest
    /// input is refused here, because every submission would pay for it; for larger inputs `JSONSchema` has its own bound.
    package static func refusal(ofSchema schema: JSONValue) -> String? {
        guard schema.object != nil else { return "must be a JSON Schema, which is an object" }
        guard schema["type"] == "object" else { return "must be a JSON Schema of an object: its type must be \"object\"" }
        guard schema.bytes.count <= maxSchemaBytes else { return "must be at most \(maxSchemaBytes) bytes of JSON" }
        guard schema.depth <= maxSchemaDepth else { return "must be nested at most \(maxSchemaDepth) levels deep" }
        if let properties = schema["properties"], properties.object == nil { return "has properties that are not an object" }
        if let member = schema["required"], member.array?.allSatisfy({ $0.string != nil }) != true {
            return "has a required that is not an array of names"
        }
        return refusal(ofReferences: schema, in: schema) ?? JSONSchema(schema).refusalOfCost()
    }

    /// Addresses of other documents are not fetched.
    private static func refusal(ofReferences value: JSONValue, in root: JSONValue) -> String? {
        switch value {
        case .array(let items): return items.lazy.compactMap { refusal(ofReferences: $0, in: root) }.first
        case .object(let members):
            if let reference = members["$ref"]?.string, !JSONSchema(root).has(reference) {
                return "refers to \(reference.prefix(100).debugDescription), which is not in it"
            }
            return members.values.lazy.compactMap { refusal(ofReferences: $0, in: root) }.first
        default: return nil
        }
    }
}

extension JSONValue {
    /// Levels of arrays and objects.
    fileprivate var depth: Int {
        switch self {
        case .array(let items): 1 + (items.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.map(\.depth).max() ?? 0)
        default: 0
        }
    }
}
