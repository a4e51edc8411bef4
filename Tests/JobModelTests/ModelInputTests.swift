import JobModel
import Testing

@Suite struct ModelInputTests {
    private let shape = InputShape([
        .init("messages", .messages(maxCount: 3, maxBytes: 20), "x"), .init("options", .modelOptions, "x"), .init("think", .thinking, "x"),
        .init("format", .schema(maxBytes: 200), "x"), .init("input", .textOrTexts(maxCount: 2, maxLength: 5), "x"),
    ])

    private func faults(_ input: JSONValue) -> [String] {
        if case .failure(let faults) = shape.accept(input) { faults.list.map { "\($0.pointer) \($0.detail)" } } else { [] }
    }

    @Test(
        arguments: [
            ["messages": [["role": "system", "content": "s"], ["role": "user", "content": "u"]]],
            ["options": ["temperature": 0.3, "num_predict": 500]],
            ["options": [:]], ["think": true], ["think": "low"], ["format": ["type": "object"]], ["input": "abc"], ["input": ["a", "b"]],
        ] as [JSONValue])
    func whatModelsUnderstandIsTaken(input: JSONValue) {
        #expect(faults(input) == [])
    }

    @Test(
        arguments: [
            (["messages": []], "#/input/messages must have 1 to 3 messages"),
            (["messages": "hi"], "#/input/messages must be an array of messages"),
            (["messages": ["hi"]], "#/input/messages/0 must be an object with role and content"),
            (["messages": [["role": "boss", "content": "x"]]], "#/input/messages/0/role must be one of: system, user, assistant, tool"),
            (["messages": [["role": "user", "content": ""]]], "#/input/messages/0/content must be a string that is not empty"),
            (["messages": [["role": "user", "content": 1]]], "#/input/messages/0/content must be a string that is not empty"),
            (
                ["messages": [["role": "user", "content": "x", "images": []]]],
                "#/input/messages/0/images is not a member of a message; there are: content, role"
            ),
            (
                ["messages": [["role": "user", "content": "123456789012345678901"]]],
                "#/input/messages must have at most 20 bytes of content in all"
            ),
            (["messages": [["role": "assistant", "content": "x"]]], "#/input/messages/0/role must be user or tool in the last message"),
            (["options": ["temperature": "hot"]], "#/input/options/temperature must be a number from 0.0 to 2.0"),
            (["think": "hard"], "#/input/think must be true, false, or one of: low, medium, high"),
            (["format": "json"], "#/input/format must be a JSON Schema, which is an object"),
            (["format": ["type": "string"]], "#/input/format/type must be object or array"),
            (["input": 5], "#/input/input must be a string or an array of strings"),
            (["input": ["a", "b", "c"]], "#/input/input must have at most 2 elements"),
            (["input": ""], "#/input/input must not be empty"), (["input": []], "#/input/input must not be empty"),
        ] as [(JSONValue, String)])
    func whatTheyDoNotIsRefusedAtItsPlace(input: JSONValue, fault: String) {
        #expect(faults(input) == [fault])
    }

    @Test func anUnknownOptionIsNamedWithThoseThereAre() {
        #expect(
            faults(["options": ["temprature": 1]]).first?.hasPrefix("#/input/options/temprature is no option; there are: frequency_penalty")
                == true)
    }

    @Test func schemasAreBounded() {
        let long = JSONValue.object(["type": "object", "description": .string(String(repeating: "x", count: 200))])
        #expect(faults(["format": long]) == ["#/input/format must be at most 200 bytes of JSON"])
        let deep = (0..<40).reduce(JSONValue.object([:])) { inner, _ in ["a": inner] }
        #expect(faults(["format": ["type": "object", "properties": deep]]).first?.contains("levels") == true || deep.bytes.count > 200)
    }
}
