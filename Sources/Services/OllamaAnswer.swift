/// Answers from an Ollama server: the request in its words. `OllamaStream` reads what comes back.
package import JobModel

extension Ollama {
    package func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer {
        guard !request.isEmpty else { throw .permanent("There is nothing to answer: the prompt is empty", type: "empty_prompt") }
        let (path, said) = Self.question(request)
        var body = said
        body["model"] = .string(request.model)
        body["stream"] = true
        // A model that can think does so when nothing is said.
        body["think"] = Self.think(request.thinking)
        body["options"] = options(request.options)
        body["format"] = request.format
        // A prompt or an answer that does not fit is told, not quietly cut at its beginning.
        body["truncate"] = false
        body["shift"] = false
        body["keep_alive"] = settings.keepAlive
        return try await client.answer(
            path, .object(body), by: OllamaStream(), of: request, provider: name, bounds: AnswerBounds(silence: settings.silence),
            refusal: { OllamaFailure.of($0, model: request.model) }, onPiece: onPiece)
    }

    private static func question(_ request: ModelRequest) -> (path: String, [String: JSONValue]) {
        switch request.task {
        case .prompt(let prompt, let system):
            var body: [String: JSONValue] = ["prompt": .string(prompt)]
            body["system"] = system.map(JSONValue.string)
            return ("/api/generate", body)
        case .chat(let messages):
            let list = messages.map { JSONValue.object(["role": .string($0.role.rawValue), "content": .string($0.content)]) }
            return ("/api/chat", ["messages": .array(list)])
        }
    }

    private static func think(_ thinking: Thinking) -> JSONValue {
        switch thinking {
        case .off: false
        case .on: true
        case .level(let level): .string(level)
        }
    }

    /// Always with a bound on the answer: a model that repeats itself would go on for ever.
    private func options(_ options: ModelOptions) -> JSONValue {
        .object(["num_predict": .integer(Int64(settings.maxTokens))].merging(options.values) { $1 })
    }
}

extension ModelRequest {
    var isEmpty: Bool {
        switch task {
        case .prompt(let prompt, _): prompt.isEmpty
        case .chat(let messages): messages.isEmpty
        }
    }
}
