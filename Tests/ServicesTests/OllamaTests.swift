/// Embedding through Ollama: order, batches, splitting, and what each failure means for the job.
import JobModel
import Synchronization
import TestServers
import Testing
import WebFetch

@testable import Services

@Suite(.timeLimit(.minutes(1))) struct OllamaTests {
    let stub = StandInOllama([.embedder("embedder") { [Float($0.utf8.count), 1, 2] }])
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    private func withOllama<R>(batchSize: Int = 4, _ body: (Ollama) async throws -> R) async throws -> R {
        try await withServer({ await stub.answer($0) }) { url in try await body(Ollama(url: url, fetcher: fetcher, batchSize: batchSize)) }
    }

    private func failure(_ ollama: Ollama, _ texts: [String] = ["a"], model: String = "embedder") async -> JobFailure? {
        do {
            _ = try await ollama.embed(texts, model: model)
            return nil
        } catch { return error }
    }

    @Test func vectorsComeInTheOrderOfTheTexts() async throws {
        let texts = (1...10).map { String(repeating: "x", count: $0) }
        let vectors = try await withOllama { try await $0.embed(texts, model: "embedder") }
        #expect(vectors.count == 10)
        #expect(vectors.map { Int(($0[0] / $0[1]).rounded()) } == Array(1...10))
        #expect(vectors.allSatisfy { abs($0.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5 })
        #expect(stub.batches.map(\.count) == [4, 4, 2])
    }

    @Test func noTextsNeedNoServer() async throws {
        #expect(try await Ollama(url: "http://127.0.0.1:1", fetcher: fetcher).embed([], model: "m") == [])
    }

    @Test(arguments: [400, 413, 500])
    func aBatchThatFailsForOneTextIsSplitToFindIt(_ status: Int) async throws {
        stub.poison("bad", status)
        let failure = try await withOllama { await self.failure($0, ["a", "b", "bad", "d"]) }
        #expect(failure?.type == "http_\(status)")
        #expect(stub.batches == [["a", "b", "bad", "d"], ["a", "b"], ["bad", "d"], ["bad"]])
    }

    @Test func aBatchTooLargeAsAWholePassesInParts() async throws {
        stub.answerNext(StandInOllama.error(500, "out of memory"), StandInOllama.error(500, "out of memory"))
        let vectors = try await withOllama { try await $0.embed(["a", "bb", "ccc", "dddd"], model: "embedder") }
        #expect(vectors.map { Int(($0[0] / $0[1]).rounded()) } == [1, 2, 3, 4])
    }

    @Test func aServerThatRefusesEverythingIsNotAskedForEachText() async throws {
        stub.poison("x", 500)
        _ = try await withOllama(batchSize: 32) { await failure($0, Array(repeating: "x", count: 32)) }
        #expect(stub.batches.count == 6)
    }

    @Test(arguments: [
        (408, true), (429, true), (499, true), (502, true), (503, true), (504, true), (401, false), (403, false), (404, false),
        (405, false),
    ])
    func aStatusSaysWhetherToTryAgain(_ status: Int, _ again: Bool) async throws {
        stub.answerNext(StandInOllama.error(status, "why"))
        let failure = try #require(try await withOllama { await self.failure($0, ["a", "b"]) })
        #expect((failure.verdict == .retry(afterMilliseconds: nil)) == again)
        #expect((failure.verdict == .permanent) == !again)
        #expect(stub.batches.count == 1)
    }

    @Test func aMissingModelSaysWhatToDo() async throws {
        let failure = try #require(try await withOllama { await self.failure($0, model: "nomic") })
        #expect(failure == .permanent("Ollama has no model nomic: run `ollama pull nomic` on its machine", type: "model_not_found"))
    }

    @Test func retryAfterIsKept() async throws {
        stub.answerNext(.json(429, ["error": "slow down"], [("Retry-After", "7")]))
        let failure = try await withOllama { await self.failure($0) }
        #expect(failure?.verdict == .retry(afterMilliseconds: 7000))
    }

    @Test(arguments: [
        #"{"embeddings":[]}"#, #"{"embeddings":[[]]}"#, #"{"embeddings":[[0,0]]}"#, #"{"embeddings":[[1,null]]}"#,
        #"{"embeddings":[[1],[2]]}"#,
        #"{"embeddings":[["1"]]}"#, #"{"embeddings":"#, "<html>", "", #"{"embedding":[1]}"#, #"{"embeddings":[[1e400]]}"#,
        #"{"embeddings":[[1e300]]}"#,
    ])
    func anAnswerOfAnotherFormIsPermanent(_ body: String) async throws {
        stub.answerNext(.text(body, status: 200))
        let failure = try await withOllama { await self.failure($0) }
        #expect(failure?.type == "invalid_answer")
        #expect(failure?.verdict == .permanent)
    }

    @Test func vectorsOfDifferentLengthsAreRefused() async throws {
        stub.set(.embedder("embedder") { Array(repeating: 1, count: $0.utf8.count) })
        let failure = try await withOllama { await self.failure($0, ["a", "bb"]) }
        #expect(failure?.type == "invalid_answer")
    }

    @Test func aServerThatNeverAnswersIsATimeout() async throws {
        try await withStub({ _ in .silence }) { url in
            let failure = await self.failure(Ollama(url: url, fetcher: fetcher, timeout: .milliseconds(200)))
            #expect(failure?.type == "timeout")
            #expect(failure?.verdict == .retry(afterMilliseconds: nil))
        }
    }

    @Test func cancellingTheTaskIsACancel() async throws {
        let (asked, ask) = AsyncStream<Void>.makeStream()
        try await withStub({ _ in
            ask.yield()
            return .silence
        }) { url in
            let task = Task { await self.failure(Ollama(url: url, fetcher: fetcher)) }
            for await _ in asked { break }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
    }

    @Test func healthIsTheVersionRoute() async throws {
        #expect(try await withOllama { await $0.trouble() } == nil)
        #expect(
            await Ollama(url: "http://127.0.0.1:1", fetcher: fetcher).trouble() == "Could not connect to Ollama (connection refused)")
    }
}
