import JobModel
import Testing

@Suite struct InputShapeTests {
    let shape = InputShape([
        .init("url", .url, required: true, "where"), .init("max_pages", .integer(1...100), standard: 10, "how many"),
        .init("ratio", .number(0...1), "x"), .init("deep", .boolean, "x"), .init("type", .choice(["a", "b"]), "x"),
        .init("domains", .texts(maxCount: 2, maxLength: 5), "x"), .init("name", .text(maxLength: 4), "x"), .init("extra", .object, "x"),
    ])

    private func faults(_ input: JSONValue) -> [String] {
        if case .failure(let faults) = shape.accept(input) { faults.list.map { "\($0.pointer) \($0.detail)" } } else { [] }
    }

    @Test func defaultsAreFilledIn() throws {
        #expect(try shape.accept(["url": "https://example.org/"]).get() == ["url": "https://example.org/", "max_pages": 10])
    }

    @Test func nullCountsAsAbsent() throws {
        #expect(try shape.accept(["url": "https://example.org/", "max_pages": .null]).get()["max_pages"] == 10)
    }

    @Test func everythingThatIsWrongIsSaidAtOnce() {
        #expect(
            faults(["max_pages": 0, "other": 1]) == [
                "#/input/other is not a field of this kind", "#/input/url is required",
                "#/input/max_pages must be a whole number from 1 to 100",
            ])
    }

    @Test(
        arguments: [
            (["url": 5], "string"), (["url": "ftp://x/"], "http"), (["url": "http://"], "host"), (["url": "http://a b/"], "host"),
            (["url": "http://u:p@h/"], "password"), (["url": "file:///etc/passwd"], "http"), (["url": "http://h/", "ratio": 2], "number"),
            (["url": "http://h/", "deep": "yes"], "true or false"), (["url": "http://h/", "type": "c"], "one of: a, b"),
            (["url": "http://h/", "domains": ["a", "b", "c"]], "at most 2"), (["url": "http://h/", "domains": ["abcdef"]], "at most 5"),
            (["url": "http://h/", "domains": [1]], "string"), (["url": "http://h/", "name": ""], "empty"),
            (["url": "http://h/", "extra": []], "object"),
            (["url": "http://h/", "max_pages": 2.5], "whole"), (["url": "http://h/", "max_pages": 1e19], "whole"),
        ] as [(JSONValue, String)])
    func eachTypeRefusesWhatDoesNotFit(input: JSONValue, reason: String) {
        #expect(faults(input).count == 1)
        #expect(faults(input).first?.contains(reason) == true)
    }

    @Test(arguments: [
        ("https://h/a.pdf", nil), ("upload:01a1fd4b-d913-7997-ab2f-7353d2c1dce1", nil), ("file:a/b.pdf", nil),
        ("upload:report.pdf", "POST /uploads"), ("ftp://h/", "upload:<id>"), ("/etc/passwd", "upload:<id>"), ("http://", "host"),
        ("http://h/\r\nX: y", "host"), ("", "empty"),
    ])
    func aDocumentIsNamedByURLUploadOrFile(address: String, reason: String?) {
        let refusal = InputShape.FieldType.documentAddress.refusal(of: .string(address))
        #expect(reason.map { refusal?.contains($0) == true } ?? (refusal == nil))
    }

    @Test func anInputMustBeAnObject() {
        #expect(faults([1]) == ["#/input must be an object"])
    }
}

@Suite struct InputSchemaTests {
    /// The schema refuses and accepts what the shape refuses and accepts, for values that differ in more than bytes.
    @Test(
        arguments: [
            ["url": "https://example.org/"], [:], ["url": 5], ["url": "http://h/", "other": 1],
            ["url": "http://h/", "pages": 3], ["url": "http://h/", "pages": 0], ["url": "http://h/", "pages": 2.5],
            ["url": "http://h/", "type": "a"], ["url": "http://h/", "type": "c"], ["url": "http://h/", "words": []],
            ["url": "http://h/", "words": ["x"]], ["url": "http://h/", "words": "x"], ["url": "http://h/", "words": ["x", "y", "z"]],
            ["url": "http://h/", "messages": [["role": "user", "content": "x"]]], ["url": "http://h/", "messages": [["role": "god"]]],
            ["url": "http://h/", "thinking": "low"], ["url": "http://h/", "thinking": "lots"],
            ["url": "http://h/", "options": ["seed": 1]], ["url": "http://h/", "options": ["sed": 1]],
        ] as [JSONValue])
    func theSchemaSaysWhatTheShapeChecks(input: JSONValue) {
        let shape = InputShape([
            .init("url", .url, required: true, "x"), .init("pages", .integer(1...100), "x"), .init("type", .choice(["a", "b"]), "x"),
            .init("words", .textOrTexts(maxCount: 2, maxLength: 5), "x"), .init("messages", .messages(maxCount: 2, maxBytes: 100), "x"),
            .init("thinking", .thinking, "x"), .init("options", .modelOptions, "x"),
        ])
        let isAccepted = if case .success = shape.accept(input) { true } else { false }
        #expect(JSONSchema(shape.schema).faults(in: input).isEmpty == isAccepted)
    }

    @Test func oneOfSeveralIsToldAsAnyOf() {
        let shape = InputShape(
            [.init("goal", .text(maxLength: 9), "x"), .init("text", .text(maxLength: 9), "x")], oneOf: ["goal", "text"])
        #expect(JSONSchema(shape.schema).faults(in: [:]).isEmpty == false)
        #expect(JSONSchema(shape.schema).faults(in: ["text": "x"]).isEmpty)
    }
}
