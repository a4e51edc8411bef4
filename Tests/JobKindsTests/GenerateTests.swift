import JobKinds
import JobLedger
import JobModel
import Services
import TestServers
import Testing
import WebFetch

@Suite(.timeLimit(.minutes(1))) struct GenerateTests {
    @Test func theResultHasTextUsageAndTimings() async throws {
        let model = ScriptedModel { (request, _) throws(JobFailure) in
            ScriptedModel.answer("It is typed.", thinking: "Hm.", to: request)
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            model.list([ScriptedModel.plain("m:latest", ["completion", "thinking"])])
            let record = JobRecord()
            let input: JSONValue = [
                "model": "m", "prompt": "What is Swift?", "system": "Be short.", "think": "low",
                "options": ["temperature": 0, "num_predict": 50],
            ]
            let result = try await fixture.run("generate", input, record)
            #expect(
                result["text"] == "It is typed." && result["thinking"] == "Hm." && result["model"] == "m"
                    && result["provider"] == "scripted")
            #expect(result["truncated"] == false && result["stand_in"] == false && result["routing"] == nil)
            #expect(result["usage"] == ["prompt_tokens": 7, "answer_tokens": 3, "total_tokens": 10])
            #expect(result["timings"] == ["total_ms": 40, "load_ms": 5, "writing_ms": 30, "tokens_per_second": .number(100)])
            #expect(result["cache"]?["hit"] == "none" && result["task_category"] == "general")
            #expect(record.streamedText == "It is typed." && record.tokens.first?.fields == ["thinking": "Hm.", "source": "m"])
            let request = try #require(model.requests.first)
            #expect(request.task == .prompt("What is Swift?", system: "Be short.") && request.thinking == .level("low"))
            #expect(request.options["num_predict"] == 50 && request.model == "m")
        }
    }

    @Test func aStandInSaysThatItIsOne() async throws {
        try await KindsFixture.run { (fixture) async throws in
            let result = try await fixture.run("generate", ["prompt": "hello"])
            #expect(result["stand_in"] == true && result["provider"] == "echo" && result["model"] == "echo")
            #expect(result["routing"]?["why"] == "echo is the only model that can do this")
        }
    }

    @Test func overHTTPItIsTheSame() async throws {
        let standIn = StandInOllama([StandInModel("llama2", reply: { "\($0.text.count) letters" })], writeBytes: 3)
        let server = try await StubHTTPServer { await standIn.answer($0) }
        let fetcher = Fetcher(guard: nil, userAgent: "test")
        try await KindsFixture.run(models: Ollama(url: server.url, fetcher: fetcher)) { (fixture) async throws in
            let record = JobRecord()
            for hit in ["none", "exact"] {
                let result = try await fixture.run("generate", ["model": "llama2", "prompt": "Explain the benefits of TypeScript"], record)
                #expect(result["text"] == "34 letters" && result["provider"] == "ollama" && result["cache"]?["hit"] == .string(hit))
            }
            #expect(record.streamedText == "34 letters34 letters" && standIn.gauge.allCalls == 1)
            let unknown = await fixture.failure("generate", ["model": "llama3", "prompt": "x"])
            #expect(unknown?.type == "model_not_found" && unknown?.verdict == .permanent)
        }
        await fetcher.close()
    }

    // MARK: - Structured answers

    private static let format: JSONValue = [
        "type": "object", "required": ["name", "age"], "properties": ["name": ["type": "string"], "age": ["type": "integer"]],
    ]

    private func structured(_ text: String, truncated: Bool = false) async throws -> (result: JSONValue?, failure: JobFailure?) {
        let model = ScriptedModel { (request, _) throws(JobFailure) in
            ScriptedModel.answer(text, to: request, truncated: truncated)
        }
        var outcome: (JSONValue?, JobFailure?) = (nil, nil)
        try await KindsFixture.run(models: model) { (fixture) async throws in
            do throws(JobFailure) {
                outcome.0 = try await fixture.run("generate", ["model": "m", "prompt": "x", "format": Self.format])
            } catch { outcome.1 = error }
        }
        return outcome
    }

    @Test func anAnswerWithAFormatIsReadAndChecked() async throws {
        #expect(try await structured(" {\"name\": \"Ada\", \"age\": 36}\n").result?["structured"] == ["name": "Ada", "age": 36])
        let wrong = try await structured("{\"name\": \"Ada\", \"age\": \"old\"}").failure
        #expect(wrong?.type == "format_violated" && wrong?.message.hasSuffix("#/age must be of type integer") == true)
        #expect(wrong?.verdict == .retry(afterMilliseconds: nil))
        #expect(try await structured("Sure! Here it is").failure?.message.contains("is not JSON") == true)
        let cut = try await structured("{\"name\": \"A", truncated: true).failure
        #expect(cut?.type == "answer_truncated" && cut?.verdict == .permanent)
    }

    // MARK: - Which model

    @Test func aModelThatCannotDoItIsRefusedBeforeItIsAsked() async throws {
        let model = ScriptedModel([ScriptedModel.plain("fast", ["completion"]), ScriptedModel.plain("deep", ["completion", "thinking"])])
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let refused = await fixture.failure("generate", ["model": "fast", "prompt": "x", "think": true])
            #expect(refused?.type == "model_unable" && refused?.message.hasSuffix("(thinking); these can: deep") == true)
            #expect(model.requests.isEmpty)
            #expect(try await fixture.run("generate", ["model": "deep", "prompt": "x", "think": true])["model"] == "deep")
            #expect(try await fixture.run("generate", ["prompt": "x", "think": true])["model"] == "deep", "auto takes one that can")
        }
    }

    @Test func autoLearnsFromFeedbackAndFailures() async throws {
        let model = ScriptedModel([ScriptedModel.plain("a"), ScriptedModel.plain("b")]) { (request, number) throws(JobFailure) in
            if request.model == "a" { throw .retry("The runner died", type: "http_500") }
            return ScriptedModel.answer("\(number)", to: request)
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let ask: JSONValue = ["model": "auto", "prompt": "x", "cache": "off", "task_category": "code"]
            // The first one fails, and the next best answers in the same attempt.
            let first = try await fixture.run("generate", ask)
            #expect(first["model"] == "b" && first["routing"]?["chosen"] == "b")
            let tried: JSONValue = [["model": "a", "error": "The runner died", "error_type": "http_500"]]
            #expect(first["routing"]?["tried"] == tried && model.requests.map(\.model) == ["a", "b"])
            let second = try await fixture.run("generate", ask)
            #expect(second["model"] == "b" && second["routing"]?["task_category"] == "code" && second["routing"]?["tried"] == nil)
            #expect(second["routing"]?["why"]?.string?.hasPrefix("b ") == true && model.requests.count == 3)
            #expect(second["routing"]?["candidates"]?.array?.count == 2)
            let known = try await fixture.ledger.performance(kind: "generate", category: "code")
            #expect(known.first { $0.place.model == "a" }?.failures == 1 && known.first { $0.place.model == "b" }?.answers == 2)
            // Now "b" is known to be slow and thought badly of; "a" is praised.
            for _ in 0..<20 {
                try await fixture.ledger.store(ModelFeedback(model: "b", kind: "generate", category: "code", score: -1))
                try await fixture.ledger.store(ModelFeedback(model: "a", kind: "generate", category: "code", score: 1))
            }
            _ = try await fixture.run("generate", ask)
            #expect(model.requests.suffix(2).map(\.model) == ["a", "b"])
        }
    }

    @Test func whereServersDoNotSayWhatModelsCanTheNameOfEmbeddersTells() async throws {
        let model = ScriptedModel([ModelDescription(name: "a-text-embedder"), ModelDescription(name: "gpt")])
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let result = try await fixture.run("generate", ["prompt": "x"])
            #expect(result["model"] == "gpt" && result["routing"]?["candidates"]?.array?.count == 1)
        }
    }

    @Test func whenAllFailTheLastFailureIsTheJobs() async throws {
        let names = ["a", "b", "c", "d"]
        let model = ScriptedModel(names.map { ScriptedModel.plain($0) }) { (request, _) throws(JobFailure) in
            throw .retry("\(request.model) died", type: "http_500")
        }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            #expect(await fixture.failure("generate", ["prompt": "x"])?.message == "c died")
            #expect(model.requests.map(\.model) == ["a", "b", "c"])
        }
    }

    @Test func autoWithoutModelsFailsAndSaysWhatToDo() async throws {
        try await KindsFixture.run(models: ScriptedModel([])) { (fixture) async throws in
            let failure = await fixture.failure("generate", ["prompt": "x"])
            #expect(failure?.type == "no_model" && failure?.message.hasSuffix("add one, or name a model") == true)
        }
        try await KindsFixture.run(models: AwayModel()) { (fixture) async throws in
            #expect(await fixture.failure("generate", ["prompt": "x"]) == AwayModel.failure)
        }
    }
}
