import NIOCore

/// One argument of a command. Arguments are framed with their length, so no content can change the command.
package enum RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// Sent as UTF-8.
    case string(String)
    case bytes([UInt8])
    /// Sent as decimal digits, the only way Redis knows numbers.
    case integer(Int64)

    package init(stringLiteral value: String) {
        self = .string(value)
    }

    package init(integerLiteral value: Int64) {
        self = .integer(value)
    }
}

extension ByteBuffer {
    /// The exact framing of `redisFormatCommandArgv`, written in place instead of into a C string that would be copied.
    mutating func writeCommand(_ arguments: [RedisArgument]) {
        writeCount(UInt8(ascii: "*"), arguments.count)
        for argument in arguments { writeArgument(argument) }
    }

    mutating func writeArgument(_ argument: RedisArgument) {
        switch argument {
        case .string(let text):
            writeCount(UInt8(ascii: "$"), text.utf8.count)
            writeString(text)
        case .bytes(let bytes):
            writeCount(UInt8(ascii: "$"), bytes.count)
            writeBytes(bytes)
        case .integer(let value):
            let text = String(value)
            writeCount(UInt8(ascii: "$"), text.utf8.count)
            writeString(text)
        }
        writeInteger(ByteBuffer.lineEnd)
    }

    private static let lineEnd: UInt16 = 0x0D0A

    /// Marker, decimal count, line end. Written digit by digit, because this runs for every argument and a `String` would allocate. 24 bytes
    /// hold the 19 digits of the largest count; a count is never negative.
    mutating func writeCount(_ marker: UInt8, _ count: Int) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 24) { target in
            target[0] = marker
            var digits = 1
            var rest = count
            while rest >= 10 {
                rest /= 10
                digits += 1
            }
            rest = count
            for position in stride(from: digits, through: 1, by: -1) {
                target[position] = UInt8(truncatingIfNeeded: 48 + rest % 10)
                rest /= 10
            }
            target[digits + 1] = 0x0D
            target[digits + 2] = 0x0A
            return digits + 3
        }
    }
}
