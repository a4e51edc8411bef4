internal import JobModel

/// What an input may be: a JSON Schema, put together from the usual parts or given as it is. Submissions are checked against it at the door.
public struct WorkSchema: Sendable {
    let value: JSONValue

    /// A JSON Schema in words of its own; nil for what is no JSON.
    public init?(json: String) {
        guard let value = try? JSONReader.read(json) else { return nil }
        self.value = value
    }

    private init(_ members: [String: JSONValue]) {
        value = .object(members)
    }

    /// A text that is not empty, of so many characters at most.
    public static func text(maxLength: Int = 10_000) -> WorkSchema {
        WorkSchema(["type": "string", "minLength": 1, "maxLength": .integer(Int64(maxLength))])
    }

    /// One of these words.
    public static func choice(_ words: [String]) -> WorkSchema {
        WorkSchema(["type": "string", "enum": .array(words.map(JSONValue.string))])
    }

    /// A whole number.
    public static func integer(_ range: ClosedRange<Int>) -> WorkSchema {
        WorkSchema(["type": "integer", "minimum": .integer(Int64(range.lowerBound)), "maximum": .integer(Int64(range.upperBound))])
    }

    /// A number.
    public static func number(_ range: ClosedRange<Double>) -> WorkSchema {
        WorkSchema(["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)])
    }

    /// True or false.
    public static var boolean: WorkSchema { WorkSchema(["type": "boolean"]) }

    /// An array of so many.
    public static func list(of items: WorkSchema, _ count: ClosedRange<Int> = 0...1_000) -> WorkSchema {
        WorkSchema([
            "type": "array", "items": items.value, "minItems": .integer(Int64(count.lowerBound)),
            "maxItems": .integer(Int64(count.upperBound)),
        ])
    }

    /// These members and no others.
    public static func object(_ members: [Member]) -> WorkSchema {
        var schema: [String: JSONValue] = [
            "type": "object", "additionalProperties": false,
            "properties": .object(Dictionary(members.map { ($0.name, $0.schema) }, uniquingKeysWith: { $1 })),
        ]
        let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { schema["required"] = .array(required) }
        return WorkSchema(schema)
    }

    /// One member of an object.
    public struct Member: Sendable {
        let name: String
        let isRequired: Bool
        let schema: JSONValue

        /// `meaning` is for people and models.
        public static func required(_ name: String, _ schema: WorkSchema, _ meaning: String) -> Member {
            Member(name: name, isRequired: true, schema: described(schema, meaning, nil))
        }

        /// One that the caller may leave out.
        public static func optional(_ name: String, _ schema: WorkSchema, _ meaning: String) -> Member {
            Member(name: name, isRequired: false, schema: described(schema, meaning, nil))
        }

        /// Filled in where the caller gives none.
        public static func optional(_ name: String, _ schema: WorkSchema, standard: Int, _ meaning: String) -> Member {
            Member(name: name, isRequired: false, schema: described(schema, meaning, .integer(Int64(standard))))
        }

        /// The same for a text.
        public static func optional(_ name: String, _ schema: WorkSchema, standard: String, _ meaning: String) -> Member {
            Member(name: name, isRequired: false, schema: described(schema, meaning, .string(standard)))
        }

        private static func described(_ schema: WorkSchema, _ meaning: String, _ standard: JSONValue?) -> JSONValue {
            var members = schema.value.object ?? [:]
            members["description"] = .string(meaning)
            members["default"] = standard
            return .object(members)
        }
    }
}
