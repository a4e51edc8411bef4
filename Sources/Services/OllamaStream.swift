/// Ollama's stream of an answer: one JSON object a line. A line may be an error although the status was good, and only a line with `done: true`
/// ends the answer. Serves `/api/generate` and `/api/chat`.
import JobModel

struct OllamaStream: AnswerStream {
    private(set) var isDone = false
    private(set) var isTruncated = false
    private(set) var model: String?
    private(set) var usage = ModelUsage()
    private var lines = LineSplitter()

    mutating func received(_ bytes: [UInt8]) throws(JobFailure) -> [ModelPiece] {
        guard let lines = lines.received(bytes) else {
            throw .permanent("Ollama sent a line of more than \(LineSplitter.maxLineBytes) bytes", type: "invalid_answer")
        }
        var pieces: [ModelPiece] = []
        for line in lines where !line.isEmpty && !isDone { pieces += try received(line: line) }
        return pieces
    }

    mutating func bodyEnded() throws(JobFailure) -> [ModelPiece] {
        let rest = lines.takeRest()
        // The last line needs no end; half a line is as good as none.
        let pieces = StreamedJSON.read(rest) == nil ? [] : try received(line: rest)
        guard isDone else { throw .retry("Ollama ended its answer without saying that it is done", type: "incomplete_answer") }
        return pieces
    }

    private mutating func received(line: [UInt8]) throws(JobFailure) -> [ModelPiece] {
        guard let json = StreamedJSON.read(line), json.object != nil else {
            throw .permanent("Ollama sent a line that is not JSON", type: "invalid_answer")
        }
        if let error = json["error"], !error.isNull {
            throw .retry("Ollama failed during its answer: \((error.string ?? error.serialized).prefix(300))", type: "model_error")
        }
        model = json["model"]?.string ?? model
        if json["done"]?.boolean == true { try end(json) }
        let said = json["message"] ?? json
        let thinking = said["thinking"]?.string.flatMap { $0.isEmpty ? nil : ModelPiece.thinking($0) }
        let text = (said["content"] ?? said["response"])?.string.flatMap { $0.isEmpty ? nil : ModelPiece.text($0) }
        return [thinking, text].compactMap(\.self)
    }

    private mutating func end(_ json: JSONValue) throws(JobFailure) {
        let reason = json["done_reason"]?.string
        guard reason != "load", reason != "unload" else {
            throw .permanent("Ollama only loaded the model: the prompt is empty", type: "empty_prompt")
        }
        isDone = true
        isTruncated = reason == "length"
        usage.promptTokens = json["prompt_eval_count"]?.integer
        usage.answerTokens = json["eval_count"]?.integer
        usage.loadMilliseconds = Self.milliseconds(json["load_duration"])
        usage.writingMilliseconds = Self.milliseconds(json["eval_duration"])
    }

    /// Ollama counts in nanoseconds and leaves zeros out.
    private static func milliseconds(_ nanoseconds: JSONValue?) -> Int64? {
        nanoseconds?.integer.map { Int64($0) / 1_000_000 }
    }
}
