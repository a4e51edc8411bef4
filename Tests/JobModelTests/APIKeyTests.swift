import JobModel
import Testing

@Suite struct APIKeyTests {
    @Test func aKeyIsReadAsItWasMade() throws {
        let made = APIKeyText.make()
        let read = try #require(APIKeyText(made.text))
        #expect(read.id == made.id)
        #expect(read.hash == made.hash)
        #expect(made.text.wholeMatch(of: /twk_[0-9a-f]{16}_[0-9a-f]{72}/) != nil)
        #expect(Set((0..<100).map { _ in APIKeyText.make().text }).count == 100)
    }

    /// A digit that was mistyped anywhere is noticed without asking anybody.
    @Test func everyDigitIsChecked() {
        let text = Array(APIKeyText.make().text)
        for index in text.indices where text[index] != "_" {
            var other = text
            other[index] = text[index] == "0" ? "1" : "0"
            #expect(APIKeyText(String(other)) == nil, "digit \(index)")
        }
    }

    @Test func textsAreComparedWhole() {
        #expect(Digest.isSame("abc", "abc"))
        #expect(!Digest.isSame("abc", "abd"))
        #expect(!Digest.isSame("abc", "ab"))
        #expect(Digest.isSame("", ""))
    }
}
