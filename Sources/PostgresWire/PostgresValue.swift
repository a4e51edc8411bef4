/// What a statement's `$1`, `$2` … stand for. Values are always bound, never spelled into SQL, so their content cannot change a statement.
package enum PostgresValue: Sendable, Hashable {
    case null
    case text(String)
    case integer(Int64)
    case double(Double)
    case boolean(Bool)
    /// Sent in binary form: the parameter must be a bytea.
    case bytes([UInt8])
    case textArray([String?])
    case integerArray([Int64?])
    case doubleArray([Double?])
    case floatArray([Float])
    case booleanArray([Bool?])
    case bytesArray([[UInt8]?])

    package static func optional(_ text: String?) -> PostgresValue { text.map(PostgresValue.text) ?? .null }
    package static func optional(_ number: Int64?) -> PostgresValue { number.map(PostgresValue.integer) ?? .null }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(nilLiteral: ()) { self = .null }
}

extension PostgresValue {
    var isBinary: Bool {
        if case .bytes = self { return true }
        return false
    }

    /// The value as the server reads it; nil is NULL.
    var encoded: [UInt8]? {
        switch self {
        case .null: nil
        case .text(let text): Array(text.utf8)
        case .integer(let number): Array(String(number).utf8)
        case .double(let number): Array("\(number)".utf8)
        case .boolean(let flag): [flag ? UInt8(ascii: "t") : UInt8(ascii: "f")]
        case .bytes(let bytes): bytes
        case .textArray(let elements): ArrayLiteral.write(elements) { ArrayLiteral.quote($0.utf8, into: &$1) }
        case .integerArray(let elements): ArrayLiteral.write(elements) { $1 += String($0).utf8 }
        case .doubleArray(let elements): ArrayLiteral.write(elements) { $1 += "\($0)".utf8 }
        case .floatArray(let elements): ArrayLiteral.write(elements) { $1 += "\($0)".utf8 }
        case .booleanArray(let elements): ArrayLiteral.write(elements) { $1.append($0 ? UInt8(ascii: "t") : UInt8(ascii: "f")) }
        case .bytesArray(let elements): ArrayLiteral.write(elements) { ArrayLiteral.quote(hexadecimal($0), into: &$1) }
        }
    }
}

/// `\x` and two digits a byte: bytea's text form.
private func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var text = Array("\\x".utf8)
    text.reserveCapacity(2 + 2 * bytes.count)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return text
}
