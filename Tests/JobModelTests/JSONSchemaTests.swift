import JobModel
import Testing

@Suite struct JSONSchemaTests {
    private let schema = JSONSchema([
        "type": "object", "required": ["title", "events"],
        "properties": [
            "title": ["type": "string", "minLength": 1, "maxLength": 5], "score": ["type": "number", "minimum": 0, "maximum": 1],
            "count": ["type": "integer"], "tone": ["enum": ["calm", "loud"]], "note": ["type": ["string", "null"]],
            "events": ["type": "array", "minItems": 1, "maxItems": 2, "items": ["type": "object", "required": ["what"]]],
        ],
        "additionalProperties": false,
    ])

    @Test func whatFitsHasNoFaults() {
        let value: JSONValue = [
            "title": "🌊é", "score": 0.5, "count": 3, "tone": "calm", "note": .null, "events": [["what": "x", "who": "y"]],
        ]
        #expect(schema.faults(in: value) == [])
    }

    @Test(
        arguments: [
            ([], "#", "must be of type object"), ([:], "#/title", "is required"),
            (["title": ""], "#/title", "must have at least 1 characters"),
            (["title": "aaaaaa"], "#/title", "must have at most 5 characters"), (["score": 1.5], "#/score", "must be at most 1"),
            (["score": -1], "#/score", "must be at least 0"), (["count": 1.5], "#/count", "must be of type integer"),
            (["tone": "shrill"], "#/tone", "must be one of: \"calm\", \"loud\""), (["note": 1], "#/note", "must be of type string or null"),
            (["events": []], "#/events", "must have at least 1 elements"),
            (["events": [1, 2, 3]], "#/events", "must have at most 2 elements"),
            (["events": [["what": 1], [:]]], "#/events/1/what", "is required"), (["more": 1], "#/more", "is not known here"),
        ] as [(JSONValue, String, String)])
    func whatDoesNotFitIsTold(value: JSONValue, pointer: String, detail: String) {
        #expect(schema.faults(in: value).contains(.init(pointer: pointer, detail: detail)))
    }

    @Test func faultsAreBounded() {
        let schema = JSONSchema(["items": ["type": "string"]])
        #expect(schema.faults(in: .array(Array(repeating: 1, count: 1000))).count == 20)
    }

    @Test(
        arguments: [
            (["pet": ["kind": "cat", "lives": 9]], []), (["pet": ["kind": "fish"]], ["#/pet must fit exactly one of 2 schemas"]),
            (["pet": ["kind": "dog", "lives": "many"]], []), (["pet": .null], ["#/pet must fit exactly one of 2 schemas"]),
            (["size": 3], []), (["size": "large"], []), (["size": true], ["#/size must fit at least one of 2 schemas"]),
            (["both": 5], []), (["both": 11], ["#/both must be at most 10"]), (["one": 1.0], []),
            (["one": 2], ["#/one must be one of: 1"]),
            (["never": 1], ["#/never is not allowed"]), (["lost": 1], ["#/lost cannot be checked: #/$defs/nobody is not in the schema"]),
            (["tree": ["children": [["children": []], ["children": [1]]]]], ["#/tree/children/1/children/0 must be of type object"]),
        ] as [(JSONValue, [String])])
    func schemasCombineAndRefer(value: JSONValue, faults: [String]) {
        let schema: JSONValue = [
            "type": "object",
            "properties": [
                "pet": ["oneOf": [["$ref": "#/$defs/cat"], ["$ref": "#/$defs/dog"]]],
                "size": ["anyOf": [["type": "integer"], ["enum": ["large"]]]],
                "both": ["allOf": [["minimum": 0], ["maximum": 10]]], "one": ["enum": [1]], "never": false,
                "lost": ["$ref": "#/$defs/nobody"], "tree": ["$ref": "#/$defs/tree"],
            ],
            "$defs": [
                "cat": ["type": "object", "properties": ["kind": ["const": "cat"], "lives": ["type": "integer"]]],
                "dog": ["type": "object", "properties": ["kind": ["const": "dog"]]],
                "tree": ["type": "object", "properties": ["children": ["type": "array", "items": ["$ref": "#/$defs/tree"]]]],
            ],
        ]
        #expect(JSONSchema(schema).faults(in: value).map { "\($0.pointer) \($0.detail)" } == faults)
    }

    @Test func aSchemaThatNeverEndsIsToldSo() {
        let loop = JSONSchema(["$ref": "#"])
        #expect(loop.faults(in: 1).first?.detail.contains("refers to itself") == true)
        // Each level tries the next one twice: 2 to the power of 30 without a bound.
        let levels = (0..<30).map { level -> (String, JSONValue) in
            let next: JSONValue = ["$ref": .string("#/$defs/l\(level + 1)")]
            return ("l\(level)", ["oneOf": [next, next]])
        }
        let wide = JSONSchema([
            "$ref": "#/$defs/l0", "$defs": .object(Dictionary(uniqueKeysWithValues: levels + [("l30", ["type": "string"])])),
        ])
        #expect(!wide.faults(in: 1).isEmpty)
    }

    /// Few looks, each of which is dear: a long way to the same place, long lists, refusals that nobody reads.
    @Test(
        arguments: [
            ["$ref": .string("#/" + String(repeating: "/", count: 60_000) + "$defs/no")],
            ["required": .array((0..<6_000).map { .string("m\($0)") }), "$ref": "#/$defs/no"],
            ["enum": .array((0..<6_000).map { .string("m\($0)") })], ["type": .array(Array(repeating: "string", count: 6_000))],
        ] as [JSONValue])
    func aLookCostsWhatIsLookedAt(leaf: JSONValue) {
        let levels = (0..<20).map { level -> (String, JSONValue) in
            let next: JSONValue = ["$ref": .string("#/$defs/l\(level + 1)")]
            return ("l\(level)", ["anyOf": [next, next]])
        }
        let definitions = Dictionary(uniqueKeysWithValues: levels + [("l20", leaf), ("no", false)])
        let schema = JSONSchema(["$ref": "#/$defs/l0", "$defs": .object(definitions)])
        let members = Dictionary(uniqueKeysWithValues: (0..<6_000).map { ("m\($0)", JSONValue.integer(1)) })
        let began = ContinuousClock.now
        #expect(!schema.faults(in: .object(members)).isEmpty)
        #expect(ContinuousClock.now - began < .seconds(60))
    }
}
