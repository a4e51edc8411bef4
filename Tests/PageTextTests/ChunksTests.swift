import PageText
import Testing

@Suite struct ChunksTests {
    @Test func shortTextIsOneChunk() {
        #expect(Chunks.split("  Hello there. \n") == [Chunk(index: 0, text: "Hello there.", start: 2)])
        #expect(Chunks.split("").isEmpty && Chunks.split(" \n\n ").isEmpty)
    }

    @Test func chunksEndAtParagraphsWhereTheyCan() {
        let text =
            String(repeating: "a", count: 60) + "\n\n" + String(repeating: "b", count: 60) + "\n\n" + String(repeating: "c", count: 60)
        let chunks = Chunks.split(text, size: 100, overlap: 0)
        #expect(chunks.map(\.text) == ["a", "b", "c"].map { String(repeating: $0, count: 60) })
        #expect(chunks.map(\.start) == [0, 62, 124])
    }

    @Test func elseAtSentencesElseAtWords() {
        #expect(
            Chunks.split("One two three four five. Six seven eight nine ten", size: 40, overlap: 0).map(\.text) == [
                "One two three four five.", "Six seven eight nine ten",
            ])
        #expect(
            Chunks.split("one two three four five six seven", size: 20, overlap: 0).map(\.text) == ["one two three four", "five six seven"])
        #expect(Chunks.split(String(repeating: "x", count: 50), size: 20, overlap: 0).map(\.text.count) == [20, 20, 10])
    }

    @Test func chunksOverlap() {
        let words = (0..<400).map { "word\($0)" }.joined(separator: " ")
        let chunks = Chunks.split(words, size: 200, overlap: 50)
        for (one, next) in zip(chunks, chunks.dropFirst()) {
            let shared = one.start + one.text.count - next.start
            #expect((30...50).contains(shared))
            #expect(one.text.hasSuffix(next.text.prefix(shared)))
        }
    }

    @Test func startsPointIntoTheText() {
        let text = (0..<200).map { "Sentence number \($0) is here. \($0 % 7 == 0 ? "\n\n  " : "")" }.joined()
        for chunk in Chunks.split(text, size: 120, overlap: 30) { #expect(text.dropFirst(chunk.start).hasPrefix(chunk.text)) }
    }

    @Test func nothingIsLost() {
        let words = (0..<3000).map { "w\($0)\($0 % 11 == 0 ? ".\n\n" : $0 % 5 == 0 ? "." : "")" }
        let seen = Set(
            Chunks.split(words.joined(separator: " ")).flatMap { $0.text.split(whereSeparator: \.isWhitespace).map(String.init) })
        #expect(words.allSatisfy { seen.contains($0.filter { !$0.isWhitespace }) })
    }

    @Test func charactersAreNeverCut() {
        let family = "👨‍👩‍👧‍👦"
        let flag = "🇨🇭"
        for filler in 0..<30 {
            let text = String(repeating: "x", count: filler) + String(repeating: family + flag + "e\u{301}", count: 40)
            let pieces = Chunks.split(text, size: 20, overlap: 0)
            #expect(pieces.map(\.text).joined() == text)
            #expect(pieces.map(\.text.count).reduce(0, +) == text.count)
        }
    }

    @Test func bytesAreBoundedToo() {
        let text = String(repeating: "👨‍👩‍👧‍👦", count: 3000)
        #expect(Chunks.split(text, size: 1000, overlap: 100).allSatisfy { $0.text.utf8.count <= 8100 })
    }

    @Test func chineseSentencesAreBorders() {
        let text = String(repeating: "这是一个很长的句子。", count: 30)
        #expect(Chunks.split(text, size: 55, overlap: 0).allSatisfy { $0.text.hasSuffix("。") && $0.text.count == 50 })
    }

    @Test func impossibleSizesStillEnd() {
        let text = String(repeating: "a b ", count: 300)
        #expect(!Chunks.split(text, size: 0, overlap: 500).isEmpty)
        #expect(!Chunks.split(text, size: 100, overlap: 100).isEmpty)
        #expect(!Chunks.split(text, size: 100, overlap: -1).isEmpty)
    }
}
