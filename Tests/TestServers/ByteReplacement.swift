/// Exchanges some bytes of a stream for others of the same length, also where they come in two pieces.
import NIOCore

struct ByteReplacement: Sendable {
    private let from: [UInt8]
    private let to: [UInt8]
    /// The end of what came, where it may be the beginning of `from`.
    private var held: [UInt8] = []

    init(_ from: [UInt8], by to: [UInt8]) {
        precondition(!from.isEmpty && from.count == to.count, "a replacement must not change lengths")
        self.from = from
        self.to = to
    }

    mutating func pass(_ bytes: ByteBuffer) -> ByteBuffer {
        var text = held + Array(bytes.readableBytesView)
        var place = 0
        while place + from.count <= text.count {
            if text[place] == from[0], text[place..<(place + from.count)].elementsEqual(from) {
                text.replaceSubrange(place..<(place + from.count), with: to)
            }
            place += 1
        }
        let kept = (1..<from.count).last { $0 <= text.count && text.suffix($0).elementsEqual(from.prefix($0)) } ?? 0
        held = Array(text.suffix(kept))
        return ByteBuffer(bytes: text.dropLast(kept))
    }
}
