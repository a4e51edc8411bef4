import TidewheelWorker

/// Counts the words of a text, part by part. A part that was counted is not counted again, whatever becomes of the worker.
struct CountWords: WorkKind {
    struct Input: Codable {
        let text: String
        let top: Int
    }

    struct Output: Codable {
        let words: Int
        let most_frequent: [String: Int]
    }

    var terms: WorkTerms {
        var terms = WorkTerms(
            name: "word_count", summary: "Counts the words of a text and finds the most frequent ones", queue: "words",
            input: .object([
                .required("text", .text(maxLength: 500_000), "what is read"),
                .optional("top", .integer(1...100), standard: 3, "how many of the most frequent words"),
            ]))
        terms.timeout = .seconds(300)
        terms.estimate = .seconds(2)
        return terms
    }

    func run(_ input: Input, in context: WorkContext) async throws -> Output {
        let words = input.text.lowercased().split { !$0.isLetter }.map(String.init)
        guard !words.isEmpty else { throw WorkFailure.permanent("There are no words in the text", type: "no_words") }
        var counts: [String: Int] = [:]
        for (number, part) in parts(of: words).enumerated() {
            let counted = try await context.step("part \(number)") { part.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
            counts.merge(counted, uniquingKeysWith: +)
            let done = min((number + 1) * CountWords.partSize, words.count)
            try await context.progress(100 * Double(done) / Double(words.count), step: "count", "\(done) of \(words.count) words")
        }
        let top = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(input.top)
        return Output(words: words.count, most_frequent: Dictionary(uniqueKeysWithValues: Array(top)))
    }

    private static let partSize = 10_000

    private func parts(of words: [String]) -> [ArraySlice<String>] {
        stride(from: 0, to: words.count, by: CountWords.partSize).map { words[$0..<min($0 + CountWords.partSize, words.count)] }
    }
}
