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
            (["title": "aaaaaa"], "#/title", "must have at most 5 characters"), (["score": 1.5], "#/score", "must be at most 1.0"),
            (["score": -1], "#/score", "must be at least 0.0"), (["count": 1.5], "#/count", "must be of type integer"),
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
}
