import CHiredis
import NIOCore
import Testing

@testable import RedisWire

/// What we write is what hiredis would write; what we read does not depend on where the network cut it.
struct FramingTests {
    @Test(arguments: seeds) func commandsAreFramedAsHiredisFramesThem(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for _ in 0..<200 {
            let arguments = (0..<Int.random(in: 1...12, using: &random)).map { _ in argument(&random) }
            var buffer = ByteBuffer()
            buffer.writeCommand(arguments)
            #expect(Array(buffer.readableBytesView) == framedByHiredis(arguments), "seed \(seed)")
        }
    }

    @Test(arguments: seeds) func cutsDoNotChangeReplies(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for _ in 0..<50 {
            let replies = (0..<Int.random(in: 1...8, using: &random)).map { _ in reply(depth: 0, &random) }
            let bytes = replies.flatMap(wire)
            #expect(try read(bytes[...]) { $0.count } == replies, "seed \(seed), whole")
            for most in [1, 3, 17, 200] {
                let pieces = try read(bytes[...]) { _ in Int.random(in: 1...most, using: &random) }
                #expect(pieces == replies, "seed \(seed), pieces of up to \(most) bytes")
            }
        }
    }

    /// One new seed a run, and one that never changes; a failure names its seed.
    static let seeds: [UInt64] = [7, .random(in: 0 ... .max)]

    private func read(_ bytes: ArraySlice<UInt8>, _ step: (ArraySlice<UInt8>) -> Int) throws -> [RedisReply] {
        let reader = ReplyReader(maxBytes: 1 << 20, maxDepth: 8)
        var (replies, rest): ([RedisReply], ArraySlice<UInt8>) = ([], bytes)
        while !rest.isEmpty {
            let piece = rest.prefix(step(rest))
            try reader.read(ByteBuffer(bytes: piece)) { replies.append($0) }
            rest = rest.dropFirst(piece.count)
        }
        return replies
    }

    private func bytes(upTo most: Int, _ random: inout SplitMix) -> [UInt8] {
        let alphabet: [UInt8] = [0, 10, 13, 36, 42, 43, 45, 58, 65, 255]
        return (0..<Int.random(in: 0...most, using: &random)).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
    }

    private func argument(_ random: inout SplitMix) -> RedisArgument {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: .integer(.random(in: .min ... .max, using: &random))
        case 1: .string(String(decoding: bytes(upTo: 20, &random), as: UTF8.self))
        default: .bytes(bytes(upTo: 300, &random))
        }
    }

    private func reply(depth: Int, _ random: inout SplitMix) -> RedisReply {
        switch Int.random(in: 0..<(depth < 7 ? 7 : 5), using: &random) {
        case 0: .null
        case 1: .integer(.random(in: .min ... .max, using: &random))
        case 2: .status(String(Int.random(in: 0...99_999, using: &random)))
        case 3: .error(RedisServerError(code: "ERR", message: "number \(Int.random(in: 0...9, using: &random))"))
        case 4: .bulk(bytes(upTo: 100, &random))
        default: .array((0..<Int.random(in: 0...4, using: &random)).map { _ in reply(depth: depth + 1, &random) })
        }
    }

    private func wire(_ reply: RedisReply) -> [UInt8] {
        switch reply {
        case .null: Array("$-1\r\n".utf8)
        case .integer(let value): Array(":\(value)\r\n".utf8)
        case .status(let text): Array("+\(text)\r\n".utf8)
        case .error(let error): Array("-\(error)\r\n".utf8)
        case .bulk(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10]
        case .array(let elements): Array("*\(elements.count)\r\n".utf8) + elements.flatMap(wire)
        }
    }

    private func framedByHiredis(_ arguments: [RedisArgument]) -> [UInt8] {
        let parts = arguments.map { argument -> [UInt8] in
            switch argument {
            case .integer(let value): Array(String(value).utf8)
            case .string(let text): Array(text.utf8)
            case .bytes(let bytes): bytes
            }
        }
        var pointers = parts.map { part -> UnsafePointer<CChar>? in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: part.count + 1)
            for (index, byte) in part.enumerated() { copy[index] = CChar(bitPattern: byte) }
            return UnsafePointer(copy)
        }
        defer { for pointer in pointers { pointer?.deallocate() } }
        var target: UnsafeMutablePointer<CChar>?
        let count = redisFormatCommandArgv(&target, Int32(parts.count), &pointers, parts.map(\.count))
        defer { redisFreeCommand(target) }
        return Array(UnsafeRawBufferPointer(start: target, count: max(0, Int(count))))
    }
}

/// A generator that gives the same sequence for the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
