/// What every vector must be before it is stored: finite, not zero, of length 1.
enum Vectors {
    /// Nil when it has no direction: empty, all zero, or with NaN or an infinity in it.
    static func normalised(_ vector: [Float]) -> [Float]? {
        // In Double: squares of ordinary floats can overflow a Float.
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        guard length.isFinite, length > 0 else { return nil }
        return vector.map { Float(Double($0) / length) }
    }

    /// Shortest decimal form, about half the bytes of the same numbers written as doubles. The vector must be finite: NaN is not JSON.
    static func json(_ vector: [Float]) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        for (index, value) in vector.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: value.description.utf8)
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }
}
