/// A piece of a text, small enough to embed. `start` counts characters from the text's beginning.
package struct Chunk: Sendable, Hashable {
    package let index: Int
    package let text: String
    package let start: Int

    package init(index: Int, text: String, start: Int) {
        self.index = index
        self.text = text
        self.start = start
    }
}

/// Cuts text into overlapping pieces, at paragraphs where it can, else at sentences, else at words, never inside a character.
/// One pass; memory is the chunks'.
package enum Chunks {
    /// Pieces of at most `size` characters; about `overlap` characters of each begin the next one.
    package static func split(_ text: String, size: Int = 1000, overlap: Int = 150) -> [Chunk] {
        let size = max(size, 20)
        // The next piece must begin after this one's middle, or it would not get on.
        let overlap = min(max(overlap, 0), size / 3)
        var chunks: [Chunk] = []
        var start = text.startIndex
        var offset = 0
        while let piece = ChunkWindow(text, from: start, size: size) {
            let trimmed = piece.trimmed
            if !trimmed.text.isEmpty { chunks.append(Chunk(index: chunks.count, text: trimmed.text, start: offset + trimmed.dropped)) }
            guard piece.end < text.endIndex else { break }
            let next = piece.nextStart(overlap: overlap)
            offset += next.count
            start = next.index
        }
        return chunks
    }
}

/// The characters from one start on, and the best place to end the piece.
struct ChunkWindow {
    private let text: String
    private let start: String.Index
    private(set) var end: String.Index
    private var count = 0

    /// Bytes of UTF-8 that a piece may have for each of its characters: bounds what emoji and stacked accents cost.
    private static let bytesPerCharacter = 8

    init?(_ text: String, from start: String.Index, size: Int) {
        guard start < text.endIndex else { return nil }
        self.text = text
        self.start = start
        self.end = start
        var border = Border(size: size)
        var index = start
        var bytes = 0
        var last: Character = "\n"
        while index < text.endIndex, count < size, bytes < size * Self.bytesPerCharacter {
            let character = text[index]
            border.see(character, after: last, at: index, count: count)
            last = character
            bytes += character.utf8.count
            count += 1
            index = text.index(after: index)
        }
        end = index
        if index < text.endIndex, let best = border.best(next: text[index], after: last, at: index, count: count) {
            end = best.index
            count = best.count
        }
    }

    /// The piece without white space around it, and how many characters were dropped before it.
    var trimmed: (text: String, dropped: Int) {
        let piece = text[start..<end]
        guard let first = piece.firstIndex(where: { !$0.isWhitespace }), let last = piece.lastIndex(where: { !$0.isWhitespace }) else {
            return ("", 0)
        }
        return (String(piece[first...last]), piece.distance(from: piece.startIndex, to: first))
    }

    /// Where the next piece begins: at the first sentence of the last `overlap` characters, else at the first word.
    func nextStart(overlap: Int) -> (index: String.Index, count: Int) {
        let overlap = min(overlap, count / 2)
        var index = text.index(end, offsetBy: -overlap)
        var position = count - overlap
        var word: (String.Index, Int)?
        var last: Character = "a"
        while index < end {
            let character = text[index]
            if last.isWhitespace, !character.isWhitespace { word = word ?? (index, position) }
            if Border.endsSentence(last), character.isWhitespace, index > start {
                let sentence = text[index..<end].firstIndex { !$0.isWhitespace } ?? end
                if sentence < end { return (sentence, position + text.distance(from: index, to: sentence)) }
            }
            last = character
            index = text.index(after: index)
            position += 1
        }
        return word ?? (overlap > 0 ? (text.index(end, offsetBy: -overlap), count - overlap) : (end, count))
    }
}

/// Remembers the best places to cut while a window is read; borders in the first half of a piece do not count.
struct Border {
    struct Place {
        let index: String.Index
        let count: Int
    }

    private let least: Int
    private var paragraph: Place?
    private var sentence: Place?
    private var word: Place?
    private var newlines = 0

    init(size: Int) {
        least = size / 2
    }

    static func endsSentence(_ character: Character) -> Bool {
        switch character.unicodeScalars.first?.value {
        case 0x21, 0x2e, 0x3f, 0x61f, 0x964, 0x2026, 0x3002, 0xff01, 0xff1f: true
        default: false
        }
    }

    mutating func see(_ character: Character, after last: Character, at index: String.Index, count: Int) {
        if count >= least {
            let place = Place(index: index, count: count)
            if newlines > 1, !character.isWhitespace { paragraph = place }
            if character.isNewline || (Self.endsSentence(last) && (character.isWhitespace || !character.isASCII)) { sentence = place }
            if character.isWhitespace { word = place }
        }
        if character.isNewline { newlines += 1 } else if !character.isWhitespace { newlines = 0 }
    }

    /// The full window's own end counts too, where `next` begins something new.
    mutating func best(next: Character, after last: Character, at index: String.Index, count: Int) -> Place? {
        see(next, after: last, at: index, count: count)
        return paragraph ?? sentence ?? word
    }
}
