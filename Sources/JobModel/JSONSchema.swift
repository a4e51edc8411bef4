/// Whether a JSON value fits a JSON Schema: the words of the specification that model servers heed when they are given one. Words it does
/// not know refuse nothing.
package struct JSONSchema: Sendable {
    private static let maxFaults = 20
    private let schema: JSONValue

    package init(_ schema: JSONValue) {
        self.schema = schema
    }

    /// Everything that does not fit, each with the JSON pointer to it, the first twenty; empty where the value fits.
    package func faults(in value: JSONValue) -> [InputShape.Fault] {
        var faults: [InputShape.Fault] = []
        JSONSchema.look(at: value, "#", schema, &faults)
        return Array(faults.prefix(JSONSchema.maxFaults))
    }

    private static func look(at value: JSONValue, _ place: String, _ schema: JSONValue, _ faults: inout [InputShape.Fault]) {
        guard faults.count < maxFaults else { return }
        func refuse(_ detail: String) { faults.append(.init(pointer: place, detail: detail)) }

        let types = schema["type"]?.array?.compactMap(\.string) ?? schema["type"]?.string.map { [$0] } ?? []
        guard types.isEmpty || types.contains(where: { isOf($0, value) }) else {
            return refuse("must be of type \(types.joined(separator: " or "))")
        }
        if let choices = schema["enum"]?.array, !choices.contains(value) {
            return refuse("must be one of: \(choices.map(\.serialized).joined(separator: ", "))")
        }
        if let only = schema["const"], only != value { return refuse("must be \(only.serialized)") }
        if let detail = refusal(ofSize: value, schema) { refuse(detail) }
        if let members = value.object { look(at: members, place, schema, &faults) }
        if let items = schema["items"] {
            for (index, item) in (value.array ?? []).enumerated() { look(at: item, "\(place)/\(index)", items, &faults) }
        }
    }

    private static func look(at members: [String: JSONValue], _ place: String, _ schema: JSONValue, _ faults: inout [InputShape.Fault]) {
        let known = schema["properties"]?.object ?? [:]
        for name in (schema["required"]?.array ?? []).compactMap(\.string) where members[name] == nil {
            faults.append(.init(pointer: "\(place)/\(name)", detail: "is required"))
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            if let schema = known[name] {
                look(at: member, "\(place)/\(name)", schema, &faults)
            } else if schema["additionalProperties"] == false {
                faults.append(.init(pointer: "\(place)/\(name.prefix(100))", detail: "is not known here"))
            } else if let rest = schema["additionalProperties"], rest.object != nil {
                look(at: member, "\(place)/\(name.prefix(100))", rest, &faults)
            }
        }
    }

    private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
        switch type {
        case "object": value.object != nil
        case "array": value.array != nil
        case "string": value.string != nil
        case "number": value.number != nil
        case "integer": value.number.map { $0.rounded() == $0 } ?? false
        case "boolean": value.boolean != nil
        case "null": value.isNull
        default: true
        }
    }

    private static func refusal(ofSize value: JSONValue, _ schema: JSONValue) -> String? {
        switch value {
        case .string(let text):
            refusal(text.unicodeScalars.count, schema["minLength"]?.integer, schema["maxLength"]?.integer, "characters")
        case .array(let items): refusal(items.count, schema["minItems"]?.integer, schema["maxItems"]?.integer, "elements")
        case .integer, .number:
            if let least = schema["minimum"]?.number, let number = value.number, number < least {
                "must be at least \(least)"
            } else if let most = schema["maximum"]?.number, let number = value.number, number > most {
                "must be at most \(most)"
            } else {
                nil
            }
        default: nil
        }
    }

    private static func refusal(_ count: Int, _ least: Int?, _ most: Int?, _ what: String) -> String? {
        if let least, count < least { return "must have at least \(least) \(what)" }
        if let most, count > most { return "must have at most \(most) \(what)" }
        return nil
    }
}
