/// The stand-in for a model server, for work offline and for tests: it says so wherever its name shows.
/// A text's vector is a sum of hashed words and letter triples, so texts that share words are near each other; it knows nothing of meaning.
package import JobModel

package struct Echo: ModelProvider {
    package let name = "echo"
    package let isStandIn = true

    package static let dimension = 256
    private static let wordWeight: Float = 1
    private static let tripleWeight: Float = 0.3

    package init() {}

    /// The same text gives the same vector in every process and version; `model` changes nothing.
    package func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        texts.map(Self.vector)
    }

    package func trouble() async -> String? { nil }

    static func vector(of text: String) -> [Float] {
        var sums = [Float](repeating: 0, count: dimension)
        for word in text.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            add(Array(word.utf8), wordWeight, to: &sums)
            let letters = Array("^\(word)$".unicodeScalars)
            for start in 0...(letters.count - 3) {
                add(letters[start..<start + 3].flatMap { Array(String($0).utf8) }, tripleWeight, to: &sums)
            }
        }
        // A text without words, or whose features cancel out, still has a direction.
        return Vectors.normalised(sums) ?? unit
    }

    private static let unit = [1] + [Float](repeating: 0, count: dimension - 1)

    /// The hash chooses the place and the sign, so that unrelated features cancel out on average.
    private static func add(_ feature: [UInt8], _ weight: Float, to sums: inout [Float]) {
        let hash = fnv1a(feature)
        sums[Int(hash % UInt64(dimension))] += hash >> 63 == 0 ? weight : -weight
    }

    /// FNV-1a, 64 bits (Fowler, Noll, Vo): Swift's own hashes differ from process to process.
    private static func fnv1a(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}
