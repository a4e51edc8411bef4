internal import JobModel

/// What a document that is answered has, member by member: the counterpart of `InputShape` for the way out.
/// One declaration gives the schema and its example, so that an example always fits.
struct AnswerShape: Sendable {
    indirect enum Value: Sendable {
        case text, id, time, whole, number, boolean
        /// A path of this API.
        case path
        case words([String])
        /// Any JSON object, and any JSON.
        case object, anything
        /// Another shape, by its name.
        case shape(String)
        case list(Value)
        /// An object whose members are all of one sort.
        case map(Value)
        case orNull(Value)
    }

    struct Member: Sendable {
        let name: String
        let value: Value
        /// In every such document.
        let isAlways: Bool
        let example: JSONValue?
        let meaning: String

        init(_ name: String, _ value: Value, eg example: JSONValue? = nil, _ meaning: String) {
            (self.name, self.value, self.example, self.meaning, isAlways) = (name, value, example, meaning, true)
        }

        private init(maybe name: String, _ value: Value, _ example: JSONValue?, _ meaning: String) {
            (self.name, self.value, self.example, self.meaning, isAlways) = (name, value, example, meaning, false)
        }

        /// Where there is something to say. Shown in the example only with one of its own.
        static func maybe(_ name: String, _ value: Value, eg example: JSONValue? = nil, _ meaning: String) -> Member {
            Member(maybe: name, value, example, meaning)
        }
    }

    let name: String
    let meaning: String
    let members: [Member]
    /// Has members that are not named here.
    let isOpen: Bool

    init(_ name: String, _ meaning: String, isOpen: Bool = false, _ members: [Member]) {
        self.name = name
        self.meaning = meaning
        self.members = members
        self.isOpen = isOpen
    }
}

// As JSON Schema.
extension AnswerShape {
    var schema: JSONValue {
        var schema: [String: JSONValue] = [
            "type": "object", "description": .string(meaning),
            "properties": .object(Dictionary(members.map { ($0.name, $0.schema) }, uniquingKeysWith: { first, _ in first })),
        ]
        let always = members.filter(\.isAlways).map { JSONValue.string($0.name) }
        if !always.isEmpty { schema["required"] = .array(always) }
        if isOpen { schema["additionalProperties"] = true }
        return .object(schema)
    }
}

extension AnswerShape.Member {
    fileprivate var schema: JSONValue {
        var members = value.schema
        members["description"] = .string(meaning)
        if let example { members["examples"] = [example] }
        return .object(members)
    }
}

extension AnswerShape.Value {
    var schema: [String: JSONValue] {
        switch self {
        case .text: ["type": "string"]
        case .id: ["type": "string", "format": "uuid"]
        case .time: ["type": "string", "format": "date-time"]
        case .path: ["type": "string", "format": "uri-reference"]
        case .whole: ["type": "integer"]
        case .number: ["type": "number"]
        case .boolean: ["type": "boolean"]
        case .words(let words): ["type": "string", "enum": .array(words.map(JSONValue.string))]
        case .object: ["type": "object", "additionalProperties": true]
        case .anything: [:]
        case .shape(let name): ["$ref": .string("#/components/schemas/\(name)")]
        case .list(let item): ["type": "array", "items": .object(item.schema)]
        case .map(let value): ["type": "object", "additionalProperties": .object(value.schema)]
        case .orNull(let value): Self.orNull(value)
        }
    }

    private static func orNull(_ value: AnswerShape.Value) -> [String: JSONValue] {
        var schema = value.schema
        guard let type = schema["type"], schema["enum"] == nil else { return ["anyOf": [.object(schema), ["type": "null"]]] }
        schema["type"] = [type, "null"]
        return schema
    }
}

// As an example.
extension AnswerShape {
    static let exampleID = "01a1fd4b-d913-7997-ab2f-7353d2c1dce1"
    static let exampleTime = "2026-11-21T08:49:28.851Z"

    func example(among shapes: [String: AnswerShape]) -> JSONValue {
        let shown = members.filter { $0.isAlways || $0.example != nil }
        return .object(
            Dictionary(shown.map { ($0.name, $0.example ?? $0.value.example(among: shapes)) }, uniquingKeysWith: { first, _ in first }))
    }
}

extension AnswerShape.Value {
    func example(among shapes: [String: AnswerShape]) -> JSONValue {
        switch self {
        case .text: "…"
        case .id: .string(AnswerShape.exampleID)
        case .time: .string(AnswerShape.exampleTime)
        case .path: .string("/jobs/\(AnswerShape.exampleID)")
        case .whole: 1
        case .number: 1.5
        case .boolean: false
        case .words(let words): .string(words.first ?? "")
        case .object, .map: [:]
        case .anything, .orNull: .null
        case .shape(let name): shapes[name]?.example(among: shapes) ?? .null
        case .list(let item): [item.example(among: shapes)]
        }
    }
}
