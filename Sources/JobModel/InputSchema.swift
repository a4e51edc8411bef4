/// What a kind accepts as a JSON Schema (2020-12), for documents and tools: the same declaration that checks submissions.
/// Lengths of texts are checked in bytes and told in characters: a schema has no word for bytes.
extension InputShape {
    package var schema: JSONValue {
        if let foreign { return foreign }
        var schema: [String: JSONValue] = [
            "type": "object", "additionalProperties": false,
            "properties": .object(Dictionary(fields.map { ($0.name, $0.schema) }, uniquingKeysWith: { first, _ in first })),
        ]
        let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { schema["required"] = .array(required) }
        if !oneOf.isEmpty { schema["anyOf"] = .array(oneOf.map { ["required": [.string($0)]] }) }
        return .object(schema)
    }
}

extension InputShape.Field {
    package var schema: JSONValue {
        var members = type.schema
        members["description"] = .string(meaning)
        members["default"] = standard
        return .object(members)
    }
}

extension InputShape.FieldType {
    fileprivate var schema: [String: JSONValue] {
        switch self {
        case .text(let maxLength): Self.text(maxLength)
        case .url: ["type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "maxLength": 8192]
        case .documentAddress: ["type": "string", "minLength": 1, "maxLength": 8192]
        case .integer(let range):
            ["type": "integer", "minimum": .integer(Int64(range.lowerBound)), "maximum": .integer(Int64(range.upperBound))]
        case .number(let range): ["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
        case .boolean: ["type": "boolean"]
        case .choice(let words): ["type": "string", "enum": .array(words.map(JSONValue.string))]
        case .texts(let minCount, let maxCount, let maxLength): Self.texts(minCount, maxCount, maxLength)
        case .object: ["type": "object"]
        case .array(let maxCount): ["type": "array", "minItems": 1, "maxItems": .integer(Int64(maxCount))]
        case .textOrTexts(let maxCount, let maxLength):
            ["anyOf": [.object(Self.text(maxLength)), .object(Self.texts(1, maxCount, maxLength))]]
        case .messages(let maxCount, _): Self.messages(maxCount)
        case .modelOptions: ModelOptions.schema
        case .thinking: ["anyOf": [["type": "boolean"], ["type": "string", "enum": ["low", "medium", "high"]]]]
        case .schema: ["type": "object", "properties": ["type": ["enum": ["object", "array"]]], "required": ["type"]]
        }
    }

    private static func text(_ maxLength: Int) -> [String: JSONValue] {
        ["type": "string", "minLength": 1, "maxLength": .integer(Int64(maxLength))]
    }

    private static func texts(_ minCount: Int, _ maxCount: Int, _ maxLength: Int) -> [String: JSONValue] {
        var schema: [String: JSONValue] = [
            "type": "array", "maxItems": .integer(Int64(maxCount)), "items": .object(text(maxLength)),
        ]
        if minCount > 0 { schema["minItems"] = .integer(Int64(minCount)) }
        return schema
    }

    private static func messages(_ maxCount: Int) -> [String: JSONValue] {
        let message: JSONValue = [
            "type": "object", "additionalProperties": false, "required": ["role", "content"],
            "properties": [
                "role": ["type": "string", "enum": .array(MessageRole.allCases.map { .string($0.rawValue) })],
                "content": ["type": "string", "minLength": 1],
            ],
        ]
        return ["type": "array", "minItems": 1, "maxItems": .integer(Int64(maxCount)), "items": message]
    }
}

extension ModelOptions {
    fileprivate static var schema: [String: JSONValue] {
        let options = InputShape(known.sorted { $0.key < $1.key }.map { InputShape.Field($0.key, $0.value, "as model servers have it") })
        return options.schema.object ?? [:]
    }
}
