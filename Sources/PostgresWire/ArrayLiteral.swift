/// PostgreSQL's text form of one-dimensional arrays: `{a,"b c",NULL}`. Every text element is quoted, so no content can end an element early.
enum ArrayLiteral {
    static func write<Element>(_ elements: [Element?], _ element: (Element, inout [UInt8]) -> Void) -> [UInt8] {
        var output = [UInt8(ascii: "{")]
        for (index, value) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            if let value { element(value, &output) } else { output += "NULL".utf8 }
        }
        output.append(UInt8(ascii: "}"))
        return output
    }

    static func quote(_ text: some Sequence<UInt8>, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
            output.append(byte)
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Reads what the server writes; nil for nested arrays, own bounds (`[2:3]={…}`) and anything broken.
    static func read(_ literal: UnsafeBufferPointer<UInt8>) -> [String?]? {
        guard literal.count >= 2, literal.first == UInt8(ascii: "{"), literal.last == UInt8(ascii: "}") else { return nil }
        if literal.count == 2 { return [] }
        var reader = Reader(bytes: literal, position: 1, end: literal.count - 1)
        return reader.elements()
    }

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var position: Int
        let end: Int

        mutating func elements() -> [String?]? {
            var found: [String?] = []
            while true {
                guard let element = position < end && bytes[position] == UInt8(ascii: "\"") ? quoted() : bare() else { return nil }
                found.append(element)
                if position == end { return found }
                guard bytes[position] == UInt8(ascii: ",") else { return nil }
                position += 1
            }
        }

        private mutating func quoted() -> String?? {
            var text: [UInt8] = []
            position += 1
            while position < end {
                var byte = bytes[position]
                position += 1
                if byte == UInt8(ascii: "\"") { return .some(String(decoding: text, as: UTF8.self)) }
                if byte == UInt8(ascii: "\\") {
                    guard position < end else { return nil }
                    byte = bytes[position]
                    position += 1
                }
                text.append(byte)
            }
            return nil
        }

        private mutating func bare() -> String?? {
            let start = position
            while position < end, bytes[position] != UInt8(ascii: ",") {
                if bytes[position] == UInt8(ascii: "{") { return nil }
                position += 1
            }
            guard position > start else { return nil }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            return .some(text == "NULL" ? nil : text)
        }
    }
}
