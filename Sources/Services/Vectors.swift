/// What every vector must be before it is stored: finite, not zero, of length 1. And how texts become vectors, whichever server makes them.
import JobModel

enum Vectors {
    /// Batches go one after the other: servers queue without limit, so pressure would only build up there.
    static func inBatches(
        of size: Int, _ texts: [String], from server: String, model: String,
        _ embed: (ArraySlice<String>) async throws(JobFailure) -> [[Float]]
    ) async throws(JobFailure) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        for start in stride(from: 0, to: texts.count, by: size) {
            vectors += try await embed(texts[start..<min(start + size, texts.count)])
        }
        guard vectors.allSatisfy({ $0.count == vectors[0].count }) else {
            throw .permanent("\(server)'s model \(model) gives vectors of different lengths", type: "invalid_answer")
        }
        return vectors
    }

    /// What one answer holds, if that is a vector for each of so many texts.
    static func whole(
        _ vectors: [[Float]], for count: Int, from server: String, model: String
    ) throws(JobFailure) -> [[Float]] {
        guard vectors.count == count else {
            throw .permanent(
                "\(server)'s answer for the model \(model) does not hold one usable vector for each text", type: "invalid_answer")
        }
        return vectors
    }

    /// Of length 1, whatever the server promises; nil for what is none.
    static func read(_ row: JSONValue?) -> [Float]? {
        guard let numbers = row?.array else { return nil }
        let values = numbers.compactMap { $0.number.map(Float.init) }
        return values.count == numbers.count ? normalised(values) : nil
    }

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
