/// Whether a JSON value fits a JSON Schema: the words of the specification that model servers heed when they are given one. Words it does
/// not know refuse nothing.
package struct JSONSchema: Sendable {
    fileprivate static let maxFaults = 20
    /// Schemas that refer to themselves, or combine others many times, could be looked at for ever. A look costs twenty, and one for each
    /// thing that it looks through.
    fileprivate static let maxCost = 2_000_000
    fileprivate static let lookCost = 20
    fileprivate static let maxDepth = 100
    private let schema: JSONValue

    package init(_ schema: JSONValue) {
        self.schema = schema
    }

    /// Everything that does not fit, each with the JSON pointer to it, the first twenty; empty where the value fits.
    package func faults(in value: JSONValue) -> [InputShape.Fault] {
        var look = SchemaLook(root: schema)
        look.look(at: value, "#", schema, depth: 0)
        return Array(look.faults.prefix(JSONSchema.maxFaults))
    }

    /// A hundredth of what one look may cost.
    private static let dearest = 20_000

    /// Why it should not be asked often, as the end of a sentence: it costs much where there is nothing to look at.
    func refusalOfCost() -> String? {
        for value: JSONValue in [[:], ["": ""]] {
            var look = SchemaLook(root: schema)
            look.look(at: value, "#", schema, depth: 0)
            if look.cost >= JSONSchema.dearest || look.isCut { return "refers to itself without end, or combines too much" }
        }
        return nil
    }

    /// Whether a `$ref` names a place in it.
    func has(_ reference: String) -> Bool {
        SchemaLook.resolve(reference, in: schema) != nil
    }
}

/// One value's way through a schema.
private struct SchemaLook {
    let root: JSONValue
    /// Nobody reads its faults: it only matters whether there are any.
    var isTrial = false
    var faults: [InputShape.Fault] = []
    var cost = 0
    /// It was too dear or too deep to be looked at to its end.
    var isCut = false

    mutating func look(at value: JSONValue, _ place: String, _ schema: JSONValue, depth: Int) {
        cost += JSONSchema.lookCost + Self.length(of: value, schema)
        guard faults.count < (isTrial ? 1 : JSONSchema.maxFaults) else { return }
        guard cost < JSONSchema.maxCost, depth < JSONSchema.maxDepth else {
            isCut = true
            return refuse(place, "cannot be checked: the schema refers to itself, or combines too much")
        }
        if schema == false { return refuse(place, "is not allowed") }
        let before = faults.count
        lookAlone(at: value, place, schema, depth)
        guard faults.count == before else { return }
        combine(value, place, schema, depth)
    }

    private mutating func refuse(_ place: @autoclosure () -> String, _ detail: @autoclosure () -> String) {
        faults.append(isTrial ? .init(pointer: "", detail: "") : .init(pointer: place(), detail: detail()))
    }

    /// How much there is to look through, but for what is looked at by itself.
    private static func length(of value: JSONValue, _ schema: JSONValue) -> Int {
        let lists = ["enum", "required", "type"].reduce(value.object?.count ?? 0) { $0 + (schema[$1]?.array?.count ?? 0) }
        return lists + (schema["$ref"]?.string?.utf8.count ?? 0) + (value.string?.utf8.count ?? 0) / 100
    }

    /// What the schema says itself.
    private mutating func lookAlone(at value: JSONValue, _ place: String, _ schema: JSONValue, _ depth: Int) {
        let types = schema["type"]?.array?.compactMap(\.string) ?? schema["type"]?.string.map { [$0] } ?? []
        guard types.isEmpty || types.contains(where: { Self.isOf($0, value) }) else {
            return refuse(place, "must be of type \(types.joined(separator: " or "))")
        }
        if let choices = schema["enum"]?.array, !choices.contains(where: { Self.isSame($0, value) }) {
            return refuse(place, "must be one of: \(choices.map(\.serialized).joined(separator: ", "))")
        }
        if let only = schema["const"], !Self.isSame(only, value) { return refuse(place, "must be \(only.serialized)") }
        if let detail = Self.refusal(ofSize: value, schema) { refuse(place, detail) }
        if let members = value.object { look(atMembers: members, place, schema, depth) }
        if let items = schema["items"] {
            for (index, item) in (value.array ?? []).enumerated() { look(at: item, "\(place)/\(index)", items, depth: depth + 1) }
        }
    }

    /// What it says by others.
    private mutating func combine(_ value: JSONValue, _ place: String, _ schema: JSONValue, _ depth: Int) {
        if let reference = schema["$ref"]?.string {
            guard let meant = Self.resolve(reference, in: root) else {
                return refuse(place, "cannot be checked: \(reference) is not in the schema")
            }
            look(at: value, place, meant, depth: depth + 1)
        }
        for part in schema["allOf"]?.array ?? [] { look(at: value, place, part, depth: depth + 1) }
        if let choices = schema["anyOf"]?.array, fits(value, choices, atLeast: 1, depth) < 1 {
            refuse(place, "must fit at least one of \(choices.count) schemas")
        }
        if let choices = schema["oneOf"]?.array, fits(value, choices, atLeast: 2, depth) != 1 {
            refuse(place, "must fit exactly one of \(choices.count) schemas")
        }
    }

    /// How many of the schemas the value fits; counted no further than `enough`.
    private mutating func fits(_ value: JSONValue, _ choices: [JSONValue], atLeast enough: Int, _ depth: Int) -> Int {
        var count = 0
        for choice in choices where count < enough {
            var look = SchemaLook(root: root, isTrial: true, cost: cost)
            look.look(at: value, "#", choice, depth: depth + 1)
            cost = look.cost
            isCut = isCut || look.isCut
            if look.faults.isEmpty { count += 1 }
        }
        return count
    }

    /// `#`, `#/$defs/name` and the like: places in the same schema.
    static func resolve(_ reference: String, in root: JSONValue) -> JSONValue? {
        guard reference.hasPrefix("#") else { return nil }
        return reference.split(separator: "/").dropFirst().reduce(Optional(root)) { found, part in
            found?[String(part).replacing("~1", with: "/").replacing("~0", with: "~")]
        }
    }

    /// 1 and 1.0 are the same.
    private static func isSame(_ one: JSONValue, _ other: JSONValue) -> Bool {
        one == other || (one.number != nil && one.number == other.number)
    }

    private mutating func look(atMembers members: [String: JSONValue], _ place: String, _ schema: JSONValue, _ depth: Int) {
        let known = schema["properties"]?.object ?? [:]
        for name in (schema["required"]?.array ?? []).compactMap(\.string) where members[name] == nil {
            refuse("\(place)/\(name)", "is required")
        }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) where faults.count < JSONSchema.maxFaults {
            if let schema = known[name] {
                look(at: member, "\(place)/\(name)", schema, depth: depth + 1)
            } else if schema["additionalProperties"] == false {
                refuse("\(place)/\(name.prefix(100))", "is not known here")
            } else if let rest = schema["additionalProperties"], rest.object != nil {
                look(at: member, "\(place)/\(name.prefix(100))", rest, depth: depth + 1)
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
                "must be at least \(schema["minimum"]?.serialized ?? "")"
            } else if let most = schema["maximum"]?.number, let number = value.number, number > most {
                "must be at most \(schema["maximum"]?.serialized ?? "")"
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
