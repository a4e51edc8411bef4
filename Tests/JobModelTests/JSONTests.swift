import JobModel
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,2.5,true,null,"x"],"b":{}}"#, #"[]"#, #""""#, #"-0.5"#, #"9223372036854775807"#, #"{"":"\u00e9"}"#,
    ])
    func aValueReadsBackAsWritten(text: String) throws {
        let value = try JSONReader.read(text)
        #expect(try JSONReader.read(value.serialized) == value)
    }

    @Test func keysAreSortedSoThatEqualValuesHaveEqualBytes() throws {
        #expect(try JSONReader.read(#"{"b":1,"a":2}"#).serialized == #"{"a":2,"b":1}"#)
    }

    @Test func wholeNumbersStayWholeAndLargeOnesNeverTrap() throws {
        #expect(try JSONReader.read("3.0").integer == 3)
        #expect(try JSONReader.read("1e19").integer == nil)
        #expect(try JSONReader.read("9223372036854775808").integer == nil)
        #expect(try JSONReader.read("-9223372036854775808").integer == Int.min)
        #expect(JSONValue.number(.nan).serialized == "null")
        #expect(JSONValue.number(1e300).serialized == "1e+300")
    }

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, "twice"), (#""\u0000""#, "U+0000"), (#""\ud800""#, "surrogate"), (#""\ud800\u0041""#, "surrogate"),
        ("[1,]", "value"), ("{\"a\" 1}", "colon"), ("[1 2]", "comma"), ("01", "after the end"), ("\"a", "no end"), ("", "too early"),
        ("tru", "value"), ("\"\n\"", "control"), ("1e999", "too large"), ("[1] x", "after the end"), ("'a'", "value"), ("-", "digit"),
    ])
    func whatIsWrongIsSaid(text: String, reason: String) {
        let error = #expect(throws: JSONError.self) { try JSONReader.read(text) }
        #expect(error?.reason.contains(reason) == true)
    }

    @Test func surrogatePairsAndEscapesAreRead() throws {
        #expect(try JSONReader.read(#""\ud83d\ude00\n\/\b""#).string == "😀\n/\u{8}")
    }

    @Test func nestingIsBounded() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(throws: Never.self) { try JSONReader.read(deep) }
        let error = #expect(throws: JSONError.self) { try JSONReader.read("[" + deep + "]") }
        #expect(error?.reason.contains("too deep") == true)
        #expect(throws: JSONError.self) { try JSONReader.read(String(repeating: "[", count: 1_000_000)) }
    }

    @Test func invalidUTF8IsRefused() {
        let error = #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0xc3, 0x28, 0x22]) }
        #expect(error?.reason.contains("UTF-8") == true)
    }

    @Test func controlCharactersAreEscapedWhenWritten() throws {
        let text = "a\u{1}\"\\\t\u{7f}é"
        #expect(JSONValue.string(text).serialized == #""a\u0001\"\\\t"# + "\u{7f}é\"")
        #expect(try JSONReader.read(JSONValue.string(text).serialized).string == text)
    }

    @Test func nullCharactersAreTakenOutOfResults() {
        let value: JSONValue = ["a\0b": ["x\0", 1]]
        #expect(value.withoutNulls == ["ab": ["x", 1]])
    }
}
