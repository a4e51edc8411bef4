/// OpenAI-style servers in all their dialects: what is sent, how streams end, and what each shape of error means.
import JobModel
import Synchronization
import TestServers
import Testing
import WebFetch

@testable import Services

@Suite(.timeLimit(.minutes(1))) struct OpenAITests {
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    private func with<R>(
        _ standIn: StandInOpenAI, key: String? = nil, _ body: (OpenAICompatible) async throws -> R
    ) async throws -> R {
        var settings = OpenAICompatible.Settings()
        settings.key = key
        return try await withServer({ await standIn.answer($0) }) {
            try await body(OpenAICompatible(url: $0 + "/v1", fetcher: fetcher, settings: settings))
        }
    }

    private func asking(_ model: String = "m", _ text: String = "hello there") -> ModelRequest {
        ModelRequest(model: model, task: .prompt(text, system: "be brief"))
    }

    private func failure(_ standIn: StandInOpenAI) async throws -> JobFailure? {
        try await with(standIn) { await failureOf($0, asking()) }
    }

    private static let dialects: [StandInOpenAI.Dialect] = {
        var all: [StandInOpenAI.Dialect] = []
        for reasoning in ["reasoning", "reasoning_content"] {
            for end in ["\n", "\r\n", "\r"] {
                var dialect = StandInOpenAI.Dialect()
                (dialect.reasoning, dialect.lineEnd, dialect.comments) = (reasoning, end, end != "\n")
                dialect.saysDone = end != "\r"
                all.append(dialect)
            }
        }
        return all
    }()

    @Test(arguments: 0..<6, [nil, 1, 5])
    func everyDialectIsRead(_ number: Int, _ writeBytes: Int?) async throws {
        let thinker = StandInModel("m", thoughts: "Erst überlegen 🤔", reply: { _ in "Grüße: 你好, 🌊\nund mehr" })
        let answer = try await with(StandInOpenAI([thinker], Self.dialects[number], writeBytes: writeBytes)) {
            try await $0.answer(asking())
        }
        #expect(answer.text == "Grüße: 你好, 🌊\nund mehr" && answer.thinking == "Erst überlegen 🤔")
        #expect(answer.provider == "openai" && answer.model == "m" && !answer.isTruncated)
        #expect(answer.usage.promptTokens == 2)
    }

    @Test func onlyWhatAllServersKnowIsSent() async throws {
        let standIn = StandInOpenAI([StandInModel("m")])
        let given: JSONValue = ["num_predict": 10, "num_ctx": 4096, "temperature": 0.5, "top_k": 3, "repeat_penalty": 1.1]
        let options = try ModelOptions.read(given).get()
        try await with(standIn) { server in
            var request = asking()
            request.options = options
            request.format = ["type": "object"]
            request.thinking = .level("low")
            _ = try await server.answer(request)
        }
        let body = try #require(standIn.questions.first?.body)
        #expect(body["messages"] == [["role": "system", "content": "be brief"], ["role": "user", "content": "hello there"]])
        #expect(body["max_tokens"] == 10 && body["temperature"] == 0.5 && body["top_k"] == 3 && body["repetition_penalty"] == 1.1)
        #expect(body["num_ctx"] == nil && body["num_predict"] == nil && body["reasoning_effort"] == "low")
        #expect(body["response_format"]?["json_schema"]?["schema"] == ["type": "object"])
        #expect(body["stream_options"] == ["include_usage": true] && body["user"] == nil)
    }

    @Test func theExtraBodyIsMerged() async throws {
        let standIn = StandInOpenAI([StandInModel("m", thoughts: "hm")])
        var settings = OpenAICompatible.Settings()
        settings.extraBody = ["chat_template_kwargs": ["enable_thinking": false], "max_tokens": 5]
        try await withServer({ await standIn.answer($0) }) { url in
            let answer = try await OpenAICompatible(url: url + "/v1", fetcher: fetcher, settings: settings).answer(asking())
            #expect(answer.thinking.isEmpty)
        }
        #expect(standIn.questions.first?.body["max_tokens"] == 5)
    }

    @Test func theKeyIsSentAndNeverTold() async throws {
        var dialect = StandInOpenAI.Dialect()
        dialect.key = "secret-key"
        let standIn = StandInOpenAI([StandInModel("m")], dialect)
        #expect(try await with(standIn, key: "secret-key") { try await $0.answer(asking()) }.text == "m heard: hello there")
        let failure = try await with(standIn, key: "wrong-key") { await failureOf($0, asking()) }
        #expect(
            failure
                == .permanent(
                    "\(failure?.message.prefix { $0 != " " } ?? "") does not take the API key: see OPENAI_API_KEY_FILE", type: "http_401"))
        #expect(failure?.message.contains("wrong-key") == false)
    }

    /// Gateways repeat what they were sent.
    @Test(arguments: [StandInModel.Behaviour.refuses(400, ""), .refuses(500, ""), .breaks(after: 1, "")])
    func theKeyIsNotToldInTheServersWords(_ behaviour: StandInModel.Behaviour) async throws {
        let key = "sk-" + String(repeating: "k", count: 200)
        // Cut to its length, the sentence would end in the middle of the key.
        let words = String(repeating: "w", count: 80) + " Authorization: Bearer \(key) is not known, \(key)"
        let behaviour: StandInModel.Behaviour =
            switch behaviour {
            case .refuses(let status, _): .refuses(status, words)
            default: .breaks(after: 1, words)
            }
        let failure = try await with(StandInOpenAI([StandInModel("m", behaviour)]), key: key) { await failureOf($0, asking()) }
        #expect(failure?.message.contains("Authorization: Bearer [API key] is not known") == true, "\(String(describing: failure))")
        #expect(failure?.message.contains("kkk") == false)
    }

    @Test(arguments: [
        (StandInModel.Behaviour.breaks(after: 2, "CUDA"), "model_error"), (.ends(after: 2), "incomplete_answer"),
    ])
    func aStreamThatGoesWrongIsTriedAgain(_ behaviour: StandInModel.Behaviour, _ type: String) async throws {
        let failure = try #require(try await failure(StandInOpenAI([StandInModel("m", behaviour)])))
        #expect(failure.type == type && failure.verdict == .retry(afterMilliseconds: nil))
    }

    @Test func aTextThatWasCutSaysSo() async throws {
        let answer = try await with(StandInOpenAI([StandInModel("m", .truncates(after: 2))])) { try await $0.answer(asking()) }
        #expect(answer.isTruncated && answer.text == "m heard:")
    }

    @Test(arguments: [StandInOpenAI.Dialect.Code.text, .number, .numberInText, .none, .flat, .html], [400, 404, 429, 503])
    func aRefusalOfAnyShapeSaysWhetherToTryAgain(_ code: StandInOpenAI.Dialect.Code, _ status: Int) async throws {
        var dialect = StandInOpenAI.Dialect()
        dialect.code = code
        let failure = try #require(try await failure(StandInOpenAI([StandInModel("m", .refuses(status, "why so"))], dialect)))
        #expect(failure.verdict == (status > 404 ? .retry(afterMilliseconds: nil) : .permanent))
        #expect(failure.message.contains("why so") == (code != .html))
    }

    @Test(arguments: [("7", 7000), ("99999", 3_600_000), ("soon", nil)] as [(String, Int64?)])
    func retryAfterIsKept(_ header: String, _ milliseconds: Int64?) async throws {
        let standIn = StandInOpenAI([StandInModel("m")])
        standIn.answerNext(.value(["error": "slow down"], 429, [("Retry-After", header)]))
        #expect(try await failure(standIn)?.verdict == .retry(afterMilliseconds: milliseconds))
    }

    @Test func cancellingTheTaskClosesTheConnection() async throws {
        let (reached, reach) = AsyncStream<Void>.makeStream()
        let standIn = StandInOpenAI([StandInModel("m", .stalls(after: 2))]) { if $0 == .piece(model: "m", 1) { reach.yield() } }
        try await with(standIn) { server in
            let task = Task { await failureOf(server, asking()) }
            for await _ in reached { break }
            task.cancel()
            #expect(await task.value == .cancelled)
            try await eventually { standIn.gauge.running == 0 }
        }
    }

    @Test func vectorsComeInTheOrderOfTheTexts() async throws {
        var dialect = StandInOpenAI.Dialect()
        dialect.shuffles = true
        let standIn = StandInOpenAI([.embedder("e") { [Float($0.utf8.count), 1] }], dialect)
        let texts = (1...40).map { String(repeating: "x", count: $0) }
        let vectors = try await with(standIn) { try await $0.embed(texts, model: "e") }
        #expect(vectors.map { Int(($0[0] / $0[1]).rounded()) } == Array(1...40))
        #expect(standIn.batches.map(\.count) == [32, 8])
    }

    @Test func modelsAreListed() async throws {
        let standIn = StandInOpenAI([StandInModel("b"), StandInModel("a")])
        #expect(try await with(standIn) { try await $0.models() }.map(\.name) == ["a", "b"])
        #expect(try await with(standIn) { await $0.trouble() } == nil)
    }
}
