/// Writes `JSONValue` as compact JSON on one line, keys sorted: the form in Redis, in SQL, on the wire and in fingerprints.
extension JSONValue {
    package var serialized: String {
        String(decoding: bytes, as: UTF8.self)
    }

    package var bytes: [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(256)
        write(to: &output)
        return output
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .boolean(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += String(value).utf8
        // NaN and the infinities are not JSON.
        case .number(let value): output += (value.isFinite ? JSONValue.spell(value) : "null").utf8
        case .string(let value): JSONValue.write(value, to: &output)
        case .array(let values): JSONValue.write(values, to: &output)
        case .object(let members): JSONValue.write(members, to: &output)
        }
    }

    /// The shortest spelling that reads back as the same number; whole numbers without a fraction.
    private static func spell(_ value: Double) -> String {
        if let whole = Int64(exactly: value), abs(value) < 1e15 { return String(whole) }
        return "\(value)"
    }

    private static func write(_ values: [JSONValue], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            value.write(to: &output)
        }
        output.append(UInt8(ascii: "]"))
    }

    private static func write(_ members: [String: JSONValue], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            write(member.key, to: &output)
            output.append(UInt8(ascii: ":"))
            member.value.write(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        let isCopied = text.utf8.withContiguousStorageIfAvailable { bytes in
            guard !bytes.contains(where: mustEscape) else { return false }
            output.append(contentsOf: bytes)
            return true
        }
        if isCopied != true { escape(text, to: &output) }
        output.append(UInt8(ascii: "\""))
    }

    private static func mustEscape(_ byte: UInt8) -> Bool { byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") }

    private static func escape(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): output += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): output += "\\n".utf8
            case UInt8(ascii: "\r"): output += "\\r".utf8
            case UInt8(ascii: "\t"): output += "\\t".utf8
            case 0..<0x20: output += "\\u00\(Digest.hexadecimal([byte]))".utf8
            default: output.append(byte)
            }
        }
    }

    /// The same value with every U+0000 taken out: PostgreSQL can store it in neither text nor jsonb, and results come from outside.
    package var withoutNulls: JSONValue {
        switch self {
        case .string(let text): .string(JSONValue.withoutNulls(text))
        case .array(let values): .array(values.map(\.withoutNulls))
        case .object(let members):
            .object(
                Dictionary(members.map { (JSONValue.withoutNulls($0.key), $0.value.withoutNulls) }, uniquingKeysWith: { first, _ in first })
            )
        default: self
        }
    }

    private static func withoutNulls(_ text: String) -> String {
        text.utf8.contains(0) ? String(text.unicodeScalars.filter { $0.value != 0 }.map(Character.init)) : text
    }
}
