/// Embeddings from an Ollama server.
/// A request stands or falls as a whole there, so texts go in small batches, and a batch that fails is split to find the text at fault.
package import JobModel
package import WebFetch

package struct Ollama: ModelProvider {
    package let name = "ollama"
    package let isStandIn = false

    private let client: ServiceClient
    private let batchSize: Int
    private let timeout: Duration

    /// `timeout` is for one batch; it spans loading the model and waiting for its turn, which Ollama does in silence.
    package init(url: String, fetcher: Fetcher, batchSize: Int = 32, timeout: Duration = .seconds(600)) {
        client = ServiceClient(name: "Ollama", url: url, fetcher: fetcher)
        self.batchSize = max(1, batchSize)
        self.timeout = timeout
    }

    /// Batches go one after the other: Ollama queues without limit, so pressure would only build up there.
    package func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        var vectors: [[Float]] = []
        for start in stride(from: 0, to: texts.count, by: batchSize) {
            vectors += try await embed(texts[start..<min(start + batchSize, texts.count)], model)
        }
        guard vectors.allSatisfy({ $0.count == vectors[0].count }) else {
            throw .permanent("Ollama's model \(model) gives vectors of different lengths", type: "invalid_answer")
        }
        return vectors
    }

    package func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        throw .permanent("not built yet", type: "todo")
    }

    package func models() async throws(JobFailure) -> [ModelDescription] { [] }

    package func trouble() async -> String? {
        await client.trouble(at: "/api/version") { OllamaFailure.of($0, model: "") }
    }

    private func embed(_ batch: ArraySlice<String>, _ model: String) async throws(JobFailure) -> [[Float]] {
        let body: JSONValue = ["model": .string(model), "input": .array(batch.map { .string($0) }), "truncate": true]
        let answer = try await client.send("POST", "/api/embed", body.bytes, within: timeout)
        if answer.isSuccess { return try vectors(in: answer, count: batch.count, model: model) }
        // The first text that fails alone ends the search: a server that refuses everything costs log2 of the batch, not the batch.
        guard batch.count > 1, OllamaFailure.mayBeOneText(answer.status) else { throw OllamaFailure.of(answer, model: model) }
        let middle = batch.startIndex + batch.count / 2
        return try await embed(batch[..<middle], model) + embed(batch[middle...], model)
    }

    /// Normalised again: older versions and other servers behind the same route do not promise it.
    private func vectors(in answer: ServiceAnswer, count: Int, model: String) throws(JobFailure) -> [[Float]] {
        let vectors = answer.json?["embeddings"]?.array?.compactMap { row in
            row.array.flatMap { numbers -> [Float]? in
                let values = numbers.compactMap { $0.number.map(Float.init) }
                return values.count == numbers.count ? Vectors.normalised(values) : nil
            }
        }
        guard let vectors, vectors.count == count else {
            throw .permanent("Ollama's answer for the model \(model) does not hold one usable vector for each text", type: "invalid_answer")
        }
        return vectors
    }
}

/// What Ollama's statuses mean for a job. The texts are not looked at: they change between versions.
enum OllamaFailure {
    /// The whole request failed, perhaps for one of its texts: too long, too large for a proxy, or one that brings the model down.
    static func mayBeOneText(_ status: Int) -> Bool { status == 400 || status == 413 || status == 500 }

    /// Network failures are `ServiceClient`'s; these are answers.
    static func of(_ answer: ServiceAnswer, model: String) -> JobFailure {
        let type = "http_\(answer.status)"
        let why = answer.json?["error"]?.string.map { ": \($0.prefix(300))" } ?? ""
        switch answer.status {
        case 401: return .permanent("Ollama asks for a login for this model", type: type)
        case 403:
            return .permanent(
                "Ollama refuses the host name: bind it to more than loopback (OLLAMA_HOST=0.0.0.0) or use localhost", type: type)
        case 404: return .permanent("Ollama has no model \(model): run `ollama pull \(model)` on its machine", type: "model_not_found")
        case 429: return .retry("Ollama limits the rate", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        case 503: return .retry("Ollama is busy", type: type, afterMilliseconds: answer.retryAfterMilliseconds)
        // 499 is Ollama's word for a client that went away: this request was cut, the next one may pass.
        case 408, 499, 500...599: return .retry("Ollama failed with status \(answer.status)\(why)", type: type)
        default: return .permanent("Ollama refused the request with status \(answer.status)\(why)", type: type)
        }
    }
}
