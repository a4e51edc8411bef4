/// An Ollama server: its embeddings here, its answers in `OllamaAnswer`, its models in `OllamaModels`.
/// A request stands or falls as a whole there, so texts go in small batches, and a batch that fails is split to find the text at fault.
package import JobModel
package import WebFetch

package struct Ollama: ModelProvider {
    package let name = "ollama"
    package let isStandIn = false

    let client: ServiceClient
    let settings: Settings
    let known = KnownCapabilities()
    private let batchSize: Int
    private let timeout: Duration

    package struct Settings: Sendable {
        /// How long nothing may come of an answer: loading the model, waiting for its turn and reading the prompt are silent.
        package var silence = Duration.seconds(900)
        /// Of answers whose options do not say.
        package var maxTokens = 8192
        /// How long a model stays in memory after its last use, in Ollama's form; nil is the server's own rule.
        package var keepAlive: JSONValue?

        package init() {}
    }

    /// `timeout` is for one batch of texts; it spans loading the model and waiting for its turn, which Ollama does in silence.
    package init(
        url: String, fetcher: Fetcher, batchSize: Int = 32, timeout: Duration = .seconds(600), settings: Settings = Settings()
    ) {
        client = ServiceClient(name: "Ollama", url: url, fetcher: fetcher)
        self.batchSize = max(1, batchSize)
        self.timeout = timeout
        self.settings = settings
    }

    package func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        try await Vectors.inBatches(of: batchSize, texts, from: "Ollama", model: model) { (batch) throws(JobFailure) in
            try await embed(batch, model)
        }
    }

    package func trouble() async -> String? {
        await client.trouble(at: "/api/version") { OllamaFailure.of($0, model: "") }
    }

    private func embed(_ batch: ArraySlice<String>, _ model: String) async throws(JobFailure) -> [[Float]] {
        let body: JSONValue = ["model": .string(model), "input": .array(batch.map { .string($0) }), "truncate": true]
        let answer = try await client.send("POST", "/api/embed", body.bytes, within: timeout)
        if answer.isSuccess {
            let vectors = (answer.json?["embeddings"]?.array ?? []).compactMap(Vectors.read)
            return try Vectors.whole(vectors, for: batch.count, from: "Ollama", model: model)
        }
        // The first text that fails alone ends the search: a server that refuses everything costs log2 of the batch, not the batch.
        guard batch.count > 1, OllamaFailure.mayBeOneText(answer.status) else { throw OllamaFailure.of(answer, model: model) }
        let middle = batch.startIndex + batch.count / 2
        return try await embed(batch[..<middle], model) + embed(batch[middle...], model)
    }
}
