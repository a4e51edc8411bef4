internal import FoundationEssentials
package import JobModel

/// Any JSON: what jobs take, give and are. Written as a literal, made of anything `Encodable`, read by name and type.
///
/// ```swift
/// let input: JSON = ["url": "https://example.com/", "max_pages": 5]
/// input["max_pages"]?.integer   // 5
/// ```
public struct JSON: Hashable, Sendable {
    package let value: JSONValue

    package init(_ value: JSONValue) { self.value = value }

    /// Throws what the type's own `encode` throws.
    public init(encoding value: some Encodable) throws {
        if let json = value as? JSON {
            self = json
        } else {
            self.value = try JSONReader.read(Array(JSONEncoder().encode(value)), depth: 256)
        }
    }

    /// Strict: a member twice in one object, `\u0000` and what stands behind the value are refused.
    public init(parsing text: String) throws(TidewheelError) {
        do {
            value = try JSONReader.read(text, depth: 256)
        } catch { throw .invalidRequest("no JSON: \(error.reason) (at byte \(error.offset))") }
    }

    /// Throws what the type's own `init(from:)` throws.
    public func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
        if let same = self as? Value { return same }
        return try JSONDecoder().decode(type, from: Data(value.bytes))
    }

    /// On one line, members in alphabetical order.
    public var text: String { value.serialized }

    /// Of a string; nil for anything else.
    public var string: String? { value.string }
    /// Of `true` and `false`.
    public var boolean: Bool? { value.boolean }
    /// A whole number, `3.0` included.
    public var integer: Int? { value.integer }
    /// Of any number.
    public var number: Double? { value.number }
    /// Of an array.
    public var array: [JSON]? { value.array?.map(JSON.init) }
    /// Of an object.
    public var object: [String: JSON]? { value.object?.mapValues(JSON.init) }
    /// Whether it is `null`.
    public var isNull: Bool { value.isNull }

    /// A member of an object; nil where there is none, or `null`, or this is no object.
    public subscript(name: String) -> JSON? {
        guard let member = value[name], !member.isNull else { return nil }
        return JSON(member)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension JSON: CustomStringConvertible {
    public var description: String { text }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self.init(.string(value)) }
    public init(integerLiteral value: Int64) { self.init(.integer(value)) }
    public init(floatLiteral value: Double) { self.init(.number(value)) }
    public init(booleanLiteral value: Bool) { self.init(.boolean(value)) }
    public init(arrayLiteral elements: JSON...) { self.init(.array(elements.map(\.value))) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(.object(Dictionary(elements.map { ($0.0, $0.1.value) }, uniquingKeysWith: { _, last in last })))
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension JSON: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self.init(.null)
        } else if let value = try? container.decode(Bool.self) {
            self.init(.boolean(value))
        } else if let value = try? container.decode(Int64.self) {
            self.init(.integer(value))
        } else if let value = try? container.decode(Double.self) {
            self.init(.number(value))
        } else if let value = try? container.decode(String.self) {
            self.init(.string(value))
        } else if let value = try? container.decode([JSON].self) {
            self.init(.array(value.map(\.value)))
        } else {
            self.init(.object(try container.decode([String: JSON].self).mapValues(\.value)))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch value {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values.map(JSON.init))
        case .object(let members): try container.encode(members.mapValues(JSON.init))
        }
    }
}

extension Timestamp {
    /// Dates may be any number, and none; RFC 3339 has the years 0 to 9999. Those beyond are the first or the last moment of them.
    init(_ date: Date) {
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded(.down)
        let range: ClosedRange<Double> = -62_167_219_200_000...253_402_300_799_999
        self.init(milliseconds: Int64(min(max(milliseconds.isNaN ? range.upperBound : milliseconds, range.lowerBound), range.upperBound)))
    }
}
