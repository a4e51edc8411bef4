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

    /// Says what it heard, word by word, and that it is a stand-in; with a format, the least JSON that fits it.
    package func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        let heard = request.lastWords
        let text =
            request.format.map { Self.least($0, heard).serialized } ?? "Echo, a stand-in without meaning, heard: \(heard.prefix(500))"
        let thinking = request.thinking == .off ? "" : "Echo does not think."
        if !thinking.isEmpty { try await onPiece(.thinking(thinking)) }
        for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            if Task.isCancelled { throw .cancelled }
            try await onPiece(.text((index == 0 ? "" : " ") + word))
        }
        let tokens = { (text: String) in (text.utf8.count + 3) / 4 }
        return ModelAnswer(
            text: text, thinking: thinking, model: request.model, provider: name, isStandIn: true,
            usage: ModelUsage(promptTokens: tokens(heard), answerTokens: tokens(text)))
    }

    package func models() async throws(JobFailure) -> [ModelDescription] {
        [ModelDescription(name: name, digest: "echo", capabilities: ["completion", "embedding", "thinking"])]
    }

    package func trouble() async -> String? { nil }

    /// The least value that fits a JSON Schema of the plain sort.
    private static func least(_ schema: JSONValue, _ heard: String) -> JSONValue {
        if let first = schema["enum"]?.array?.first { return first }
        switch schema["type"]?.string {
        case "object": return .object((schema["properties"]?.object ?? [:]).mapValues { least($0, heard) })
        case "array":
            let count = max(1, schema["minItems"]?.integer ?? 1)
            return .array(Array(repeating: schema["items"].map { least($0, heard) } ?? .null, count: Int(min(count, 100))))
        case "integer": return .integer(Int64(schema["minimum"]?.integer ?? 0))
        case "number": return .number(schema["minimum"]?.number ?? 0)
        case "boolean": return false
        default: return .string("Echo: \(heard.prefix(100))")
        }
    }

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

extension ModelRequest {
    /// What was said last.
    fileprivate var lastWords: String {
        switch task {
        case .prompt(let prompt, _): prompt
        case .chat(let messages): messages.last?.content ?? ""
        }
    }
}
