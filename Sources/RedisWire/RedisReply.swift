/// One reply of RESP2 as a value. Both null forms of the protocol are `null`. The accessors are lenient about the form and strict about the
/// content: they answer nil, and never trap, whatever a server or a script sent.
package enum RedisReply: Sendable, Equatable {
    case null
    case integer(Int64)
    /// A string of bytes; Redis promises no encoding.
    case bulk([UInt8])
    /// A short word such as OK; no user data comes this way.
    case status(String)
    /// Only inside a pipeline's or a script's array; a single command throws it.
    case error(RedisServerError)
    case array([RedisReply])
}

extension RedisReply {
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// Text of a bulk or status reply, or an integer's digits; bytes that are not UTF-8 are repaired.
    package var string: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .integer(let value): String(value)
        case .null, .error, .array: nil
        }
    }

    /// An integer reply, or a bulk that holds one: scripts and hashes answer numbers as text.
    package var integer: Int64? {
        if case .integer(let value) = self { return value }
        return string.flatMap(Int64.init)
    }

    /// Without conversion: what is not UTF-8 comes out as it went in.
    package var bytes: [UInt8]? {
        switch self {
        case .bulk(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .null, .integer, .error, .array: nil
        }
    }

    package var array: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// A flat array of fields and values, as HGETALL and stream entries have it; nil when it is not one.
    package var fields: [String: String]? {
        guard let elements = array, elements.count.isMultiple(of: 2) else { return nil }
        var result = [String: String](minimumCapacity: elements.count / 2)
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let name = elements[index].string, let value = elements[index + 1].string else { return nil }
            result[name] = value
        }
        return result
    }
}
