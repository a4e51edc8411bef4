/// Cuts a stream into lines, in bytes: a read may end in the middle of a line or of a character. Ends are LF, CR and CRLF; nothing else is one.
struct LineSplitter {
    /// A longer line is an error of the other side, or not a stream of lines.
    static let maxLineBytes = 8 << 20

    private var rest: [UInt8] = []
    /// The last byte was a CR: an LF after it belongs to the same end.
    private var isAfterReturn = false

    /// The lines that these bytes complete, without their ends; nil when a line is too long. Cost: every byte is looked at once.
    mutating func received(_ bytes: [UInt8]) -> [[UInt8]]? {
        var lines: [[UInt8]] = []
        var start = 0
        for index in bytes.indices where bytes[index] == 0x0a || bytes[index] == 0x0d {
            let isSameEnd = bytes[index] == 0x0a && (index == 0 ? isAfterReturn : bytes[index - 1] == 0x0d)
            if !isSameEnd {
                lines.append(rest + bytes[start..<index])
                rest = []
            }
            start = index + 1
        }
        if let last = bytes.last { isAfterReturn = last == 0x0d }
        rest += bytes[start...]
        return rest.count <= Self.maxLineBytes && lines.allSatisfy { $0.count <= Self.maxLineBytes } ? lines : nil
    }

    /// What came after the last line end.
    mutating func takeRest() -> [UInt8] {
        defer { rest = [] }
        return rest
    }
}
