/// Reads a TZif file (RFC 8536) of version 2 or later: the second, 64-bit block and the footer. Trusts no count in it.
struct ZoneFile {
    static let maxBytes = 256 << 10

    private let bytes: [UInt8]
    private var position: Int

    private struct Counts {
        var utc = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0

        /// What a block holds after its header.
        func size(ofTime width: Int) -> Int {
            times * width + times + types * 6 + letters + leaps * (width + 4) + standard + utc
        }
    }

    static func read(_ bytes: [UInt8], name: String) throws(ZoneError) -> ZoneRules {
        guard bytes.count <= maxBytes else { throw broken }
        var file = ZoneFile(bytes: bytes, position: 0)
        let first = try file.header()
        try file.skip(first.size(ofTime: 4))
        let counts = try file.header()
        guard counts.leaps == 0 else { throw ZoneError(detail: "counts leap seconds, which no schedule can") }
        return try file.rules(counts, name: name)
    }

    private mutating func rules(_ counts: Counts, name: String) throws(ZoneError) -> ZoneRules {
        let end = position + counts.size(ofTime: 8)
        guard counts.types > 0, end <= bytes.count else { throw ZoneFile.broken }
        var changes: [Int64] = []
        for _ in 0..<counts.times { changes.append(try integer(8)) }
        // Within bounds that sums of moments and offsets never leave.
        let isOrderly = zip(changes, changes.dropFirst()).allSatisfy { $0 < $1 } && changes.allSatisfy { $0.magnitude < 1 << 60 }
        guard isOrderly else { throw ZoneFile.broken }
        var kinds: [Int] = []
        for _ in 0..<counts.times { kinds.append(Int(try integer(1) & 0xff)) }
        var types: [Int64] = []
        for _ in 0..<counts.types {
            types.append(try integer(4))
            try skip(2)
        }
        guard kinds.allSatisfy({ $0 < types.count }), types.allSatisfy({ abs($0) <= 26 * 3600 }) else { throw ZoneFile.broken }
        try skip(end - position)
        let tail = try footer()
        return ZoneRules(name: name, changes: changes, offsets: [types[0]] + kinds.map { types[$0] }, tail: tail)
    }

    private mutating func header() throws(ZoneError) -> Counts {
        guard position + 44 <= bytes.count, bytes[position..<position + 4].elementsEqual("TZif".utf8) else { throw ZoneFile.broken }
        guard bytes[position + 4] >= UInt8(ascii: "2") else { throw ZoneError(detail: "is kept in a file format that is too old") }
        position += 20
        var counts = Counts()
        for field in [\Counts.utc, \.standard, \.leaps, \.times, \.types, \.letters] {
            let count = try integer(4)
            guard (0...Int64(ZoneFile.maxBytes)).contains(count) else { throw ZoneFile.broken }
            counts[keyPath: field] = Int(count)
        }
        return counts
    }

    /// A line with a POSIX TZ string; an empty one says that nothing is known of the time after the last change.
    private mutating func footer() throws(ZoneError) -> ZoneTail? {
        guard position < bytes.count, bytes[position] == 0x0a else { throw ZoneFile.broken }
        let text = bytes[(position + 1)...].prefix { $0 != 0x0a }
        guard !text.isEmpty else { return nil }
        guard let tail = ZoneTail(posix: String(decoding: text, as: UTF8.self)) else { throw ZoneFile.broken }
        return tail
    }

    /// Big-endian, signed.
    private mutating func integer(_ width: Int) throws(ZoneError) -> Int64 {
        guard position + width <= bytes.count else { throw ZoneFile.broken }
        var value: Int64 = bytes[position] & 0x80 == 0 ? 0 : -1
        for byte in bytes[position..<position + width] { value = value << 8 | Int64(byte) }
        position += width
        return value
    }

    private mutating func skip(_ count: Int) throws(ZoneError) {
        guard position + count <= bytes.count else { throw ZoneFile.broken }
        position += count
    }

    private static let broken = ZoneError(detail: "has a file in the time zone database that cannot be read")
}
