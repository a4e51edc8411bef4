internal import NIOCore

/// Reads a client's WebSocket frames (RFC 6455, 5): masks, fragments and limits. Decides only; `SocketHandler` acts.
struct FrameReader {
    enum Message: Equatable {
        case text(String)
        /// A part of a text that goes on: whoever counts messages counts these too.
        case fragment
        case ping([UInt8])
        case pong
        /// With the code to answer with.
        case close(UInt16)
    }

    /// A client that may not go on, and the code to tell it by.
    struct Violation: Error, Equatable {
        let code: CloseCode
        let reason: String
    }

    private enum Opcode: UInt8 {
        case continuation = 0, text, binary
        case close = 8, ping, pong

        var isControl: Bool { rawValue >= 8 }
    }

    private struct Head {
        let opcode: Opcode
        let isFinal: Bool
        let length: Int
        let mask: UInt32
    }

    private let maxMessage: Int
    /// The text so far of a message in fragments.
    private var fragments: [UInt8]?

    init(maxMessage: Int) {
        self.maxMessage = maxMessage
    }

    /// The next message; nil when more bytes are needed. What is held unread is never more than one frame.
    mutating func next(_ buffer: inout ByteBuffer) throws(Violation) -> Message? {
        let start = buffer.readerIndex
        guard let head = try head(&buffer), var payload = buffer.readBytes(length: head.length) else {
            buffer.moveReaderIndex(to: start)
            return nil
        }
        FrameReader.unmask(&payload, head.mask)
        return try message(head, payload)
    }

    private func head(_ buffer: inout ByteBuffer) throws(Violation) -> Head? {
        guard let (first, second) = buffer.readMultipleIntegers(as: (UInt8, UInt8).self) else { return nil }
        guard first & 0x70 == 0, let opcode = Opcode(rawValue: first & 0x0f) else {
            throw Violation(code: .protocolError, reason: "unknown kind of frame")
        }
        guard second & 0x80 != 0 else { throw Violation(code: .protocolError, reason: "frames of clients are masked") }
        let isFinal = first & 0x80 != 0
        if opcode.isControl, !isFinal || second & 0x7f > 125 {
            throw Violation(code: .protocolError, reason: "control frames are short and whole")
        }
        if opcode == .binary { throw Violation(code: .unsupportedData, reason: "messages are text") }
        guard let length = FrameReader.length(second & 0x7f, &buffer) else { return nil }
        guard length <= maxMessage - (fragments?.count ?? 0) else {
            throw Violation(code: .tooBig, reason: "a message may have \(maxMessage) bytes")
        }
        guard let mask = buffer.readInteger(as: UInt32.self) else { return nil }
        return Head(opcode: opcode, isFinal: isFinal, length: length, mask: mask)
    }

    /// Lengths that no integer of ours holds are too long in any case.
    private static func length(_ short: UInt8, _ buffer: inout ByteBuffer) -> Int? {
        switch short {
        case 126: buffer.readInteger(as: UInt16.self).map(Int.init)
        case 127: buffer.readInteger(as: UInt64.self).map(Int.init(clamping:))
        default: Int(short)
        }
    }

    private static func unmask(_ payload: inout [UInt8], _ mask: UInt32) {
        let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: mask >> $0) }
        for index in payload.indices { payload[index] ^= bytes[index & 3] }
    }

    private mutating func message(_ head: Head, _ payload: [UInt8]) throws(Violation) -> Message {
        switch head.opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong
        case .close: return .close(try FrameReader.answer(to: payload))
        case .text where fragments != nil, .continuation where fragments == nil:
            throw Violation(code: .protocolError, reason: "a fragment out of its place")
        case .text, .continuation, .binary:
            guard head.isFinal else { return try keep(payload) }
            defer { fragments = nil }
            if fragments != nil { fragments?.append(contentsOf: payload) }
            guard let valid = String(validating: fragments ?? payload, as: UTF8.self) else {
                throw Violation(code: .badData, reason: "text is UTF-8")
            }
            return .text(valid)
        }
    }

    /// In its place: each fragment costs what it brings, and never nothing.
    private mutating func keep(_ payload: [UInt8]) throws(Violation) -> Message {
        guard !payload.isEmpty else { throw Violation(code: .policy, reason: "a fragment of a message is not empty") }
        if fragments == nil { fragments = payload } else { fragments?.append(contentsOf: payload) }
        return .fragment
    }

    /// Its own code, or 1000 for a close without one.
    private static func answer(to payload: [UInt8]) throws(Violation) -> UInt16 {
        guard !payload.isEmpty else { return 1000 }
        guard payload.count >= 2 else { throw Violation(code: .protocolError, reason: "half a close code") }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        let isValid = (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code)
        guard isValid else { throw Violation(code: .protocolError, reason: "no close code") }
        guard String(validating: payload.dropFirst(2), as: UTF8.self) != nil else {
            throw Violation(code: .badData, reason: "text is UTF-8")
        }
        return code
    }
}

/// Why the server ends a connection; docs/events.md lists them.
enum CloseCode: UInt16, CaseIterable {
    case goingAway = 1001
    case protocolError = 1002
    case unsupportedData = 1003
    case badData = 1007
    /// The key is missing, wrong or revoked, or too many messages came.
    case policy = 1008
    case tooBig = 1009
    /// The client reads too slowly, or has used up its requests.
    case tryLater = 1013
}

/// Frames of the server: never masked, never in fragments.
enum SocketFrames {
    static func text(_ json: [UInt8]) -> ByteBuffer { frame(0x81, json) }
    static func ping() -> ByteBuffer { frame(0x89, []) }
    static func pong(_ payload: [UInt8]) -> ByteBuffer { frame(0x8a, payload) }

    static func close(_ code: UInt16, _ reason: String) -> ByteBuffer {
        frame(0x88, [UInt8(code >> 8), UInt8(code & 0xff)] + Array(reason.utf8.prefix(123)))
    }

    private static func frame(_ first: UInt8, _ payload: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(payload.count + 10)
        buffer.writeInteger(first)
        switch payload.count {
        case ...125: buffer.writeInteger(UInt8(payload.count))
        case ...0xffff: buffer.writeMultipleIntegers(UInt8(126), UInt16(payload.count))
        default: buffer.writeMultipleIntegers(UInt8(127), UInt64(payload.count))
        }
        buffer.writeBytes(payload)
        return buffer
    }
}
