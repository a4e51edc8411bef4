/// The stream of an OpenAI-style server: server-sent events, each with one JSON chunk, the last one `[DONE]`. An event may be an error although
/// the status was good; a stream without `[DONE]` and without a finish_reason has not ended well.
import JobModel

struct CompletionStream: AnswerStream {
    let server: String
    private let key: String?
    private(set) var isDone = false
    private(set) var isTruncated = false
    private(set) var model: String?
    private(set) var usage = ModelUsage()
    private var lines = LineSplitter()
    private var event = EventReader()
    private var hasFinished = false

    init(server: String, key: String? = nil) {
        self.server = server
        self.key = key
    }

    mutating func received(_ bytes: [UInt8]) throws(JobFailure) -> [ModelPiece] {
        guard let lines = lines.received(bytes) else {
            throw .permanent("\(server) sent a line of more than \(LineSplitter.maxLineBytes) bytes", type: "invalid_answer")
        }
        var pieces: [ModelPiece] = []
        for line in lines where !isDone {
            if let data = event.received(line) { pieces += try received(data: data) }
        }
        return pieces
    }

    mutating func bodyEnded() throws(JobFailure) -> [ModelPiece] {
        var pieces: [ModelPiece] = []
        // Servers that leave out the last blank line are read to their end.
        for line in [lines.takeRest(), []] where !isDone {
            if let data = event.received(line) { pieces += try received(data: data) }
        }
        isDone = isDone || hasFinished
        guard isDone else { throw .retry("\(server) ended its answer without saying that it is done", type: "incomplete_answer") }
        return pieces
    }

    private mutating func received(data: [UInt8]) throws(JobFailure) -> [ModelPiece] {
        if data.elementsEqual("[DONE]".utf8) {
            isDone = true
            return []
        }
        guard let json = StreamedJSON.read(data), json.object != nil else {
            throw .permanent("\(server) sent an event that is not JSON", type: "invalid_answer")
        }
        if let error = ServerError(json, hiding: key) {
            throw error.isPermanent
                ? .permanent("\(server) refused during its answer: \(error.message)", type: "model_error")
                : .retry("\(server) failed during its answer: \(error.message)", type: "model_error")
        }
        model = json["model"]?.string ?? model
        if let counts = json["usage"], !counts.isNull {
            usage.promptTokens = counts["prompt_tokens"]?.integer
            usage.answerTokens = counts["completion_tokens"]?.integer
        }
        // The chunk with the counts has no choices.
        guard let choice = json["choices"]?.array?.first else { return [] }
        if let reason = choice["finish_reason"]?.string { try finish(reason) }
        return Self.pieces(of: choice["delta"] ?? choice["message"] ?? .null)
    }

    private mutating func finish(_ reason: String) throws(JobFailure) {
        hasFinished = true
        isTruncated = reason == "length"
        guard reason != "content_filter" else {
            throw .permanent("\(server) withheld its answer: its content filter", type: "content_filter")
        }
    }

    /// Reasoning has two names; where a server sends both they say the same.
    private static func pieces(of delta: JSONValue) -> [ModelPiece] {
        let words = { (name: String) in delta[name]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        let thinking = words("reasoning") ?? words("reasoning_content")
        return [thinking.map(ModelPiece.thinking), words("content").map(ModelPiece.text)].compactMap(\.self)
    }
}

/// Server-sent events, of which only the data matters here. A value: lines go in, the data of an event comes out at the blank line behind it.
struct EventReader {
    private var data: [UInt8]?

    mutating func received(_ line: [UInt8]) -> [UInt8]? {
        if line.isEmpty {
            defer { data = nil }
            return data
        }
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        // A comment has an empty name; `event`, `id` and `retry` say nothing here.
        guard name.elementsEqual("data".utf8) else { return nil }
        var value = line.dropFirst(name.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        data = data.map { $0 + [0x0a] + value } ?? Array(value)
        return nil
    }
}
