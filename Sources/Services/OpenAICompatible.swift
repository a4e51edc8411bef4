/// A server that speaks OpenAI's dialect: vLLM, llama.cpp, LiteLLM, OpenAI itself. Only what all of them understand is sent.
/// `CompletionStream` reads what comes back.
package import JobModel
package import WebFetch

package struct OpenAICompatible: ModelProvider {
    package let name = "openai"
    package let isStandIn = false

    package struct Settings: Sendable {
        /// Sent as `Authorization: Bearer`.
        package var key: String?
        /// Merged into every request for an answer, over what stands there.
        package var extraBody: [String: JSONValue] = [:]
        package var silence = Duration.seconds(900)
        package var maxTokens = 8192

        package init() {}
    }

    private let client: ServiceClient
    private let settings: Settings
    private let batchSize = 32
    private let embedTimeout = Duration.seconds(600)
    private static let listTimeout = Duration.seconds(10)
    private static let maxModels = 2000

    /// `url` includes the version: `http://host:8000/v1`.
    package init(url: String, fetcher: Fetcher, settings: Settings = Settings()) {
        let headers = settings.key.map { [("Authorization", "Bearer \($0)")] } ?? []
        client = ServiceClient(name: ServiceClient.label(of: url), url: url, headers: headers, fetcher: fetcher)
        self.settings = settings
    }

    package func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        guard !request.isEmpty else { throw .permanent("There is nothing to answer: the prompt is empty", type: "empty_prompt") }
        return try await client.answer(
            "/chat/completions", .object(body(of: request)), by: CompletionStream(server: client.name, key: settings.key), of: request,
            provider: name,
            bounds: AnswerBounds(silence: settings.silence), refusal: { refusal($0, request.model) }, onPiece: onPiece)
    }

    package func models() async throws(JobFailure) -> [ModelDescription] {
        let answer = try await client.send("GET", "/models", within: Self.listTimeout)
        guard answer.isSuccess else { throw refusal(answer, "") }
        guard let rows = answer.json?["data"]?.array else {
            throw .permanent("\(client.name)'s list of models has another form than expected", type: "invalid_answer")
        }
        return rows.prefix(Self.maxModels).compactMap { $0["id"]?.string }.map { ModelDescription(name: $0) }
    }

    package func trouble() async -> String? {
        await client.trouble(at: "/models") { refusal($0, "") }
    }

    private func refusal(_ answer: ServiceAnswer, _ model: String) -> JobFailure {
        ServerError.failure(answer, server: client.name, model: model, hiding: settings.key)
    }
}

// Requests.
extension OpenAICompatible {
    /// Options that every server of this kind knows, by our names; the others are for servers that have them, under the same names.
    private static let renamed = ["num_predict": "max_tokens", "repeat_penalty": "repetition_penalty"]
    /// Ollama's alone.
    private static let unknown: Set<String> = ["num_ctx", "repeat_last_n", "typical_p"]

    private func body(of request: ModelRequest) -> [String: JSONValue] {
        var body: [String: JSONValue] = [
            "model": .string(request.model), "messages": .array(Self.messages(request.task)), "stream": true,
            "stream_options": ["include_usage": true], "max_tokens": .integer(Int64(settings.maxTokens)),
        ]
        for (name, value) in request.options.values where !Self.unknown.contains(name) { body[Self.renamed[name] ?? name] = value }
        if case .level(let level) = request.thinking { body["reasoning_effort"] = .string(level) }
        body["response_format"] = request.format.map { schema in
            ["type": "json_schema", "json_schema": ["name": "answer", "schema": schema, "strict": true]]
        }
        return body.merging(settings.extraBody) { $1 }
    }

    private static func messages(_ task: ModelRequest.Task) -> [JSONValue] {
        let message = { (role: MessageRole, content: String) -> JSONValue in
            ["role": .string(role.rawValue), "content": .string(content)]
        }
        switch task {
        case .prompt(let prompt, let system): return (system.map { [message(.system, $0)] } ?? []) + [message(.user, prompt)]
        case .chat(let messages): return messages.map { message($0.role, $0.content) }
        }
    }
}

// Vectors.
extension OpenAICompatible {
    package func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        try await Vectors.inBatches(of: batchSize, texts, from: client.name, model: model) { (batch) throws(JobFailure) in
            try await embed(batch, model)
        }
    }

    private func embed(_ batch: ArraySlice<String>, _ model: String) async throws(JobFailure) -> [[Float]] {
        let body: JSONValue = [
            "model": .string(model), "input": .array(batch.map { .string($0) }), "encoding_format": "float",
        ]
        let answer = try await client.send("POST", "/embeddings", body.bytes, within: embedTimeout)
        guard answer.isSuccess else { throw refusal(answer, model) }
        // The order of the rows is not promised; their numbers are.
        var byIndex: [Int: [Float]] = [:]
        for row in answer.json?["data"]?.array ?? [] {
            if let index = row["index"]?.integer, let vector = Vectors.read(row["embedding"]) { byIndex[index] = vector }
        }
        let vectors = (0..<batch.count).compactMap { byIndex[$0] }
        return try Vectors.whole(vectors, for: batch.count, from: client.name, model: model)
    }
}
