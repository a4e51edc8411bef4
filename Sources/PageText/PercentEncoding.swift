/// One spelling for each URL byte: unreserved ones plain, all others that a part does not allow as `%XX` in upper case.
enum PercentEncoding {
    static let pathBytes = Set("!$&'()*+,;=:@/".utf8)
    static let queryBytes = Set("!$&'()*+,;=:@/?[]|{}".utf8)

    static func normalised(_ text: String, keeping allowed: Set<UInt8>) -> String {
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        out.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 0x25, position + 2 < bytes.count,
                let high = Ascii.hexValue(bytes[position + 1]), let low = Ascii.hexValue(bytes[position + 2])
            {
                // Decoding a reserved byte would change what the address means; an unreserved one means the same either way.
                append(high << 4 | low, to: &out, plain: isUnreserved)
                position += 3
            } else {
                append(byte, to: &out) { isUnreserved($0) || allowed.contains($0) }
                position += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func append(_ byte: UInt8, to out: inout [UInt8], plain: (UInt8) -> Bool) {
        guard !plain(byte) else { return out.append(byte) }
        let digits = Array("0123456789ABCDEF".utf8)
        out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        Ascii.isLetter(byte) || Ascii.isDigit(byte) || byte == 0x2d || byte == 0x2e || byte == 0x5f || byte == 0x7e
    }
}
