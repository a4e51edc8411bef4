/// How an answer is read as it arrives, whatever the server's words are: `OllamaStream` and `CompletionStream` decide, this file acts.
import JobModel
import WebFetch

/// A server's stream as a value: bytes go in, pieces come out.
protocol AnswerStream {
    /// The server has said that the answer is whole.
    var isDone: Bool { get }
    /// As the server names it; nil while it has not.
    var model: String? { get }
    var isTruncated: Bool { get }
    var usage: ModelUsage { get }

    mutating func received(_ bytes: [UInt8]) throws(JobFailure) -> [ModelPiece]
    /// The body has ended, well or not: what was left of it. Without an end of the answer that is a failure, however much text there is.
    mutating func bodyEnded() throws(JobFailure) -> [ModelPiece]
}

/// What one request may take.
struct AnswerBounds: Sendable {
    var silence: Duration
    var maxRequestBytes = 8 << 20
    /// On the wire, where every word has a frame of some hundred bytes.
    var maxBodyBytes = 256 << 20
    var maxTextBytes = 8 << 20
}

extension ServiceClient {
    /// Sends one request and hands over the pieces of its answer. The connection is closed when the caller's task is cancelled, when `onPiece`
    /// throws, and after the end of the answer.
    func answer(
        _ path: String, _ body: JSONValue, by stream: consuming some AnswerStream, of request: ModelRequest, provider: String,
        bounds: AnswerBounds, refusal: (ServiceAnswer) -> JobFailure, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        var stream = stream
        let bytes = body.bytes
        guard bytes.count <= bounds.maxRequestBytes else {
            throw .permanent("The request for \(name) is larger than \(bounds.maxRequestBytes) bytes", type: "request_too_large")
        }
        let began = ContinuousClock.now
        let response = try await translated { () throws(FetchError) in
            try await open(path, bytes, silence: bounds.silence, maxBytes: bounds.maxBodyBytes)
        }
        guard (200..<300).contains(response.status) else {
            throw refusal(try await translated { () throws(FetchError) in try await ServiceAnswer(refusal: response) })
        }
        var draft = AnswerDraft(server: name, maxBytes: bounds.maxTextBytes)
        var chunks = response.body.makeAsyncIterator()
        while !stream.isDone {
            let chunk = try await translated { () throws(FetchError) in try await chunks.next(isolation: nil) }
            let pieces = if let chunk { try stream.received(chunk) } else { try stream.bodyEnded() }
            for piece in pieces {
                try draft.add(piece)
                try await onPiece(piece)
            }
        }
        var usage = stream.usage
        usage.milliseconds = Int64((ContinuousClock.now - began) / .milliseconds(1))
        return ModelAnswer(
            text: draft.text, thinking: draft.thinking, model: stream.model ?? request.model, provider: provider,
            isTruncated: stream.isTruncated, usage: usage)
    }

    private func translated<Value>(_ body: () async throws(FetchError) -> Value) async throws(JobFailure) -> Value {
        do throws(FetchError) { return try await body() } catch { throw failure(error) }
    }
}

/// An answer as it grows, within a bound: nobody knows how many words will come.
struct AnswerDraft {
    private(set) var text = ""
    private(set) var thinking = ""
    let server: String
    let maxBytes: Int

    init(server: String, maxBytes: Int) {
        self.server = server
        self.maxBytes = maxBytes
    }

    mutating func add(_ piece: ModelPiece) throws(JobFailure) {
        switch piece {
        case .text(let more): text += more
        case .thinking(let more): thinking += more
        }
        guard text.utf8.count + thinking.utf8.count <= maxBytes else {
            throw .permanent(
                "The answer of \(server) is longer than \(maxBytes) bytes: ask for less with num_predict", type: "answer_too_large")
        }
    }
}

enum StreamedJSON {
    /// One value of a stream. A model can write NUL, which neither PostgreSQL nor the reader takes: it becomes U+FFFD.
    static func read(_ bytes: [UInt8]) -> JSONValue? {
        if let value = try? JSONReader.read(bytes, depth: 256) { return value }
        return try? JSONReader.read(withoutNUL(bytes), depth: 256)
    }

    /// `\u0000` as an escape; `\\u0000` is a backslash and a word.
    private static func withoutNUL(_ bytes: [UInt8]) -> [UInt8] {
        let escape = Array("u0000".utf8)
        var output = bytes
        var index = 0
        while index + 1 < output.count {
            guard output[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            if output[(index + 1)...].starts(with: escape) { output.replaceSubrange(index + 2..<index + 6, with: Array("fffd".utf8)) }
            index += 2
        }
        return output
    }
}
