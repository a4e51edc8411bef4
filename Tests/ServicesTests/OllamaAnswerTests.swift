/// Answers of an Ollama server: what goes over the wire, what is made of each way in which a stream can go wrong, and what a cancel does.
import JobModel
import Synchronization
import TestServers
import Testing
import WebFetch

@testable import Services

@Suite(.timeLimit(.minutes(1))) struct OllamaAnswerTests {
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    private func withOllama<R>(_ standIn: StandInOllama, _ body: (Ollama) async throws -> R) async throws -> R {
        try await withServer({ await standIn.answer($0) }) { try await body(Ollama(url: $0, fetcher: fetcher)) }
    }

    private func asking(_ model: String, _ text: String = "hello there", thinking: Thinking = .off) -> ModelRequest {
        ModelRequest(model: model, task: .prompt(text, system: nil), thinking: thinking)
    }

    private func failure(_ standIn: StandInOllama, _ request: ModelRequest) async throws -> JobFailure? {
        try await withOllama(standIn) { await failureOf($0, request) }
    }

    @Test(arguments: [nil, 1, 3, 7])
    func piecesAreTheAnswerWhereverTheStreamIsCut(_ writeBytes: Int?) async throws {
        let thinker = StandInModel("qwen3", thoughts: "Erst überlegen… 🤔 dann", reply: { _ in "Grüße: 你好, 🌊 und\nmehr" })
        let pieces = Mutex<[ModelPiece]>([])
        let answer = try await withOllama(StandInOllama([thinker], writeBytes: writeBytes)) {
            try await $0.answer(asking("qwen3", thinking: .on)) { piece in pieces.withLock { $0.append(piece) } }
        }
        #expect(answer.text == "Grüße: 你好, 🌊 und\nmehr")
        #expect(answer.thinking == "Erst überlegen… 🤔 dann")
        let all = pieces.withLock { $0 }
        #expect(all.map(\.spoken).joined() == answer.text)
        #expect(all.map(\.thought).joined() == answer.thinking)
        #expect(all.count > 6)
        #expect(answer.provider == "ollama" && answer.model == "qwen3" && !answer.isTruncated && !answer.isStandIn)
        #expect(answer.usage.promptTokens == 2 && answer.usage.loadMilliseconds == 1 && answer.usage.writingMilliseconds == 200)
        #expect(answer.usage.answerTokens == all.count)
        #expect((answer.usage.milliseconds ?? -1) >= 0)
    }

    @Test func theRequestSaysEverythingThatTheServerWouldGuess() async throws {
        let standIn = StandInOllama([StandInModel("llama3.2")])
        guard case .success(let options) = ModelOptions.read(["temperature": 0.2, "num_ctx": 4096, "stop": ["END"]]) else { return }
        try await withOllama(standIn) { ollama in
            var request = asking("llama3.2")
            request.options = options
            _ = try await ollama.answer(request)
            request.task = .chat([ModelMessage(.system, "be brief"), ModelMessage(.user, "why?")])
            request.format = ["type": "object"]
            _ = try await ollama.answer(request)
        }
        let bodies = standIn.questions.map(\.body)
        #expect(bodies[0]["think"] == false && bodies[0]["stream"] == true && bodies[0]["truncate"] == false)
        #expect(bodies[0]["options"] == ["temperature": 0.2, "num_ctx": 4096, "stop": ["END"], "num_predict": 8192])
        #expect(bodies[0]["prompt"] == "hello there" && bodies[0]["format"] == nil && bodies[0]["keep_alive"] == nil)
        #expect(bodies[1]["messages"] == [["role": "system", "content": "be brief"], ["role": "user", "content": "why?"]])
        #expect(bodies[1]["format"] == ["type": "object"])
    }

    @Test func anErrorLineAfterGoodLinesIsAFailure() async throws {
        let failure = try await failure(StandInOllama([StandInModel("m", .breaks(after: 2, "the runner died"))]), asking("m"))
        #expect(failure == .retry("Ollama failed during its answer: the runner died", type: "model_error"))
    }

    @Test func aStreamThatEndsWithoutDoneIsAFailure() async throws {
        let failure = try await failure(StandInOllama([StandInModel("m", .ends(after: 2))]), asking("m"))
        #expect(failure == .retry("Ollama ended its answer without saying that it is done", type: "incomplete_answer"))
    }

    @Test func aTextThatWasCutSaysSo() async throws {
        let answer = try await withOllama(StandInOllama([StandInModel("m", .truncates(after: 2))])) { try await $0.answer(asking("m")) }
        #expect(answer.isTruncated && answer.text == "m heard:")
    }

    @Test(arguments: [(503, true), (500, true), (404, false), (400, false), (429, true)])
    func aRefusalBeforeTheFirstLineSaysWhetherToTryAgain(_ status: Int, _ again: Bool) async throws {
        let failure = try await failure(StandInOllama([StandInModel("m", .refuses(status, "why"))]), asking("m"))
        #expect((failure?.verdict == .retry(afterMilliseconds: nil)) == again)
        #expect((failure?.verdict == .permanent) == !again)
    }

    @Test func aModelThatCannotThinkIsAFailureForGood() async throws {
        let failure = try await failure(StandInOllama([StandInModel("m")]), asking("m", thinking: .on))
        #expect(failure?.verdict == .permanent)
        #expect(failure?.message.contains("does not support thinking") == true)
    }

    @Test func aModelThatIsNotThereSaysWhatToDo() async throws {
        let failure = try await failure(StandInOllama([]), asking("nope"))
        #expect(failure == .permanent("Ollama has no model nope: run `ollama pull nope` on its machine", type: "model_not_found"))
    }

    @Test func nobodyListensIsToldInTheWordsThatPeopleKnow() async throws {
        let failure = await failureOf(Ollama(url: "http://127.0.0.1:1", fetcher: fetcher), asking("m"))
        #expect(failure == .retry("Could not connect to Ollama (connection refused)", type: "unreachable"))
    }

    @Test func anEmptyPromptIsNotSent() async throws {
        let failure = await failureOf(Ollama(url: "http://127.0.0.1:1", fetcher: fetcher), asking("m", ""))
        #expect(failure?.type == "empty_prompt")
    }

    @Test(arguments: [StandInModel.Behaviour.hangs, .stalls(after: 2)])
    func cancellingTheTaskClosesTheConnection(_ behaviour: StandInModel.Behaviour) async throws {
        let (reached, reach) = AsyncStream<Void>.makeStream()
        let standIn = StandInOllama([StandInModel("m", behaviour)]) { moment in
            if moment == (behaviour == .hangs ? .asked(model: "m") : .piece(model: "m", 1)) { reach.yield() }
        }
        try await withOllama(standIn) { ollama in
            let task = Task { await failureOf(ollama, asking("m")) }
            for await _ in reached { break }
            task.cancel()
            #expect(await task.value == .cancelled)
            try await eventually { standIn.gauge.running == 0 }
        }
    }

    @Test func silenceHasAnEnd() async throws {
        var settings = Ollama.Settings()
        settings.silence = .milliseconds(300)
        let standIn = StandInOllama([StandInModel("m", .stalls(after: 1))])
        try await withServer({ await standIn.answer($0) }) { url in
            let failure = await failureOf(Ollama(url: url, fetcher: fetcher, settings: settings), asking("m"))
            #expect(failure?.type == "timeout" && failure?.verdict == .retry(afterMilliseconds: nil))
        }
    }

    @Test func aPieceThatIsRefusedEndsTheAnswer() async throws {
        let standIn = StandInOllama([StandInModel("m", .stalls(after: 3))])
        try await withOllama(standIn) { ollama in
            await #expect(throws: JobFailure.lost) { try await ollama.answer(asking("m")) { (_) throws(JobFailure) in throw .lost } }
            try await eventually { standIn.gauge.running == 0 }
        }
    }

    @Test func aLineOfManyMegabytesIsRead() async throws {
        let long = String(repeating: "wörd", count: 1_000_000)
        let standIn = StandInOllama([StandInModel("m", reply: { _ in long })])
        #expect(try await withOllama(standIn) { try await $0.answer(asking("m")) }.text == long)
    }

    @Test(arguments: [
        (#"{"message":{"content":"a\u0000b"},"done":true}"#, "a\u{fffd}b"),
        (#"{"message":{"content":"a\\u0000b"},"done":true}"#, "a\\u0000b"),
        ("{\"message\":{\"content\":\"x\"},\"done\":false}\r\n\r\n{\"done\":true,\"done_reason\":\"stop\"}", "x"),
    ])
    func oddLinesAreRead(_ body: String, _ text: String) async throws {
        let answer = try await withServer({ _ in .text(body, status: 200) }) {
            try await Ollama(url: $0, fetcher: fetcher).answer(asking("m"))
        }
        #expect(answer.text == text)
    }

    @Test(arguments: ["<html>", "{\"done\":\n", "[1]\n"])
    func whatIsNotAnOllamaIsAFailure(_ body: String) async throws {
        try await withServer({ _ in .text(body, status: 200) }) { url in
            let failure = await failureOf(Ollama(url: url, fetcher: fetcher), asking("m"))
            #expect(failure?.type == "invalid_answer" || failure?.type == "incomplete_answer")
        }
    }

    @Test func aRefusalWithoutAnEndIsReadOnlyInPart() async throws {
        try await withServer({ _ in
            .stream(500) { writer in
                while await writer.write(String(repeating: "x", count: 10_000)) {}
            }
        }) { url in
            let failure = await failureOf(Ollama(url: url, fetcher: fetcher), asking("m"))
            #expect(failure?.type == "http_500")
        }
    }

    @Test func modelsAreDescribedOnce() async throws {
        let standIn = StandInOllama([StandInModel("qwen3", thoughts: "x"), .embedder("e"), StandInModel("llama3.2:1b")])
        let shows = Mutex(0)
        try await withServer({ call in
            if call.path == "/api/show" { shows.withLock { $0 += 1 } }
            return await standIn.answer(call)
        }) { url in
            let ollama = Ollama(url: url, fetcher: fetcher)
            let models = try await ollama.models()
            #expect(models.map(\.name) == ["e:latest", "llama3.2:1b", "qwen3:latest"])
            #expect(models[2].capabilities == ["completion", "tools", "thinking"])
            #expect(Set(models.compactMap(\.digest)).count == 3)
            #expect(try await ollama.models() == models)
            #expect(shows.withLock { $0 } == 3)
        }
    }
}
