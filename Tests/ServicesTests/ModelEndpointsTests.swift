/// Several servers as one: who is asked, what happens when one is away, and that each request holds a permit of the server it goes to.
import JobModel
import Synchronization
import TestServers
import Testing
import WebFetch

@testable import Services

@Suite(.timeLimit(.minutes(1))) struct ModelEndpointsTests {
    let fetcher = Fetcher(guard: nil, userAgent: "t")
    let permits = CountedPermits()

    /// Permits of one process.
    final class CountedPermits: PermitPool {
        private let state = Mutex((held: [String: Int](), taken: [String]()))

        var taken: [String] { state.withLock { $0.taken } }
        var held: Int { state.withLock { $0.held.values.reduce(0, +) } }

        func take(_ pool: String, of most: Int, for holder: PermitHolder) async throws(JobFailure) {
            state.withLock { state in
                state.held[pool, default: 0] += 1
                state.taken.append(pool)
            }
        }

        func tryTake(_ pool: String, of most: Int, for holder: PermitHolder) async -> Int? {
            let isFree = state.withLock { ($0.held[pool] ?? 0) < most }
            if isFree { try? await take(pool, of: most, for: holder) }
            return isFree ? nil : 1
        }

        func giveBack(_ pool: String, of most: Int, for holder: PermitHolder) {
            state.withLock { $0.held[pool, default: 0] -= 1 }
        }
    }

    private func with<R>(_ first: StandInOllama, _ second: StandInOllama, _ body: (ModelEndpoints, [StubHTTPServer]) async throws -> R)
        async throws -> R
    {
        let one = try await StubHTTPServer { await first.answer($0) }
        let two = try await StubHTTPServer { await second.answer($0) }
        let endpoints = [one, two].enumerated().map { index, server in
            ModelEndpoint(name: ["one", "two"][index], provider: Ollama(url: server.url, fetcher: fetcher), permits: 1)
        }
        let result = try await body(ModelEndpoints(endpoints, permits: permits, firstPause: .seconds(600)), [one, two])
        for server in [one, two] { await server.stop() }
        return result
    }

    private func asking(_ model: String) -> ModelRequest { ModelRequest(model: model, task: .prompt("hi", system: nil)) }

    private func inAttempt<R: Sendable>(_ body: () async throws -> R) async throws -> R {
        try await ModelCaller.$current.withValue(ModelCaller(jobID: JobID(), worker: "w", attempt: 1)) { try await body() }
    }

    @Test func aModelGoesToTheServerThatHasIt() async throws {
        let (first, second) = (StandInOllama([StandInModel("a")]), StandInOllama([StandInModel("b")]))
        try await with(first, second) { models, _ in
            let answer = try await models.answer(asking("b"))
            #expect(answer.text == "b heard: hi")
            #expect(try await models.answer(asking("a:latest")).text == "a:latest heard: hi")
            #expect(try await models.answer(asking("ollama/a")).model == "a")
            #expect(try await models.models().map(\.name) == ["a:latest", "b:latest"])
            let failure = await failureOf(models, asking("c"))
            #expect(failure == .permanent("No model server has the model c; there are: a:latest, b:latest", type: "model_not_found"))
        }
        #expect(first.gauge.allCalls == 2 && second.gauge.allCalls == 1)
    }

    @Test func aNameThatBeginsLikeAPrefixIsStillAName() async throws {
        let standIn = StandInOpenAI([StandInModel("openai/gpt-oss"), StandInModel("plain")])
        try await withServer({ await standIn.answer($0) }) { url in
            let server = ModelEndpoint(name: "o", provider: OpenAICompatible(url: url + "/v1", fetcher: fetcher), permits: 1)
            let models = ModelEndpoints([server], permits: permits)
            let answers = [try await models.answer(asking("openai/gpt-oss")), try await models.answer(asking("openai/plain"))]
            #expect(answers.map(\.model) == ["openai/gpt-oss", "plain"])
        }
    }

    @Test func aModelThatCameSinceIsFound() async throws {
        let second = StandInOllama([StandInModel("b")])
        try await with(StandInOllama([StandInModel("a")]), second) { models, _ in
            _ = try await models.answer(asking("b"))
            second.set(StandInModel("new"))
            try await eventually { await failureOf(models, asking("new")) == nil }
        }
    }

    @Test func whatOneServerDoesNotTakeAnotherOneAnswers() async throws {
        let (first, second) = (StandInOllama([StandInModel("m", .refuses(503, "busy"))]), StandInOllama([StandInModel("m")]))
        try await with(first, second) { models, _ in
            let answer = try await models.answer(asking("m"))
            #expect(answer.text == "m heard: hi")
        }
        #expect(first.gauge.allCalls == 1 && second.gauge.allCalls == 1)
    }

    @Test func aServerThatIsAwayIsLeftAloneAndComesBack() async throws {
        let (first, second) = (StandInOllama([StandInModel("m")]), StandInOllama([StandInModel("m")]))
        try await with(first, second) { models, servers in
            _ = try await models.answer(asking("m"))
            #expect(first.gauge.allCalls == 1)
            // It closes the connection instead of answering.
            first.answerNext(.drop)
            _ = try await models.answer(asking("m"))
            _ = try await models.answer(asking("m"))
            #expect(second.gauge.allCalls == 2 && first.gauge.allCalls == 2)
            #expect(await models.health().map(\.trouble) == [nil, nil])
            _ = try await models.answer(asking("m"))
            #expect(first.gauge.allCalls == 3)
        }
    }

    @Test func onceItHasSpokenNobodyElseIsAsked() async throws {
        let (first, second) = (StandInOllama([StandInModel("m", .ends(after: 1))]), StandInOllama([StandInModel("m")]))
        try await with(first, second) { models, _ in
            #expect(await failureOf(models, asking("m"))?.type == "incomplete_answer")
        }
        #expect(second.gauge.allCalls == 0)
    }

    @Test func everyRequestOfAnAttemptHoldsAPermitAndGivesItBack() async throws {
        let (first, second) = (StandInOllama([StandInModel("m", .refuses(503, "busy"))]), StandInOllama([StandInModel("m")]))
        try await with(first, second) { models, _ in
            try await inAttempt {
                _ = try await models.answer(asking("m"))
                #expect(permits.held == 0)
            }
            #expect(permits.taken == ["one", "two"])
            _ = try await models.answer(asking("m"))
            #expect(permits.taken.count == 2)
        }
    }

    @Test func aBusyServerLeavesItToAFreeOne() async throws {
        let (reached, reach) = AsyncStream<Void>.makeStream()
        let slow = StandInModel("m", .stalls(after: 1))
        let first = StandInOllama([slow]) { if $0 == .piece(model: "m", 0) { reach.yield() } }
        let second = StandInOllama([StandInModel("m")])
        try await with(first, second) { models, _ in
            let stuck = Task { try await inAttempt { await failureOf(models, asking("m")) } }
            for await _ in reached { break }
            let text = try await inAttempt { try await models.answer(asking("m")).text }
            #expect(text == "m heard: hi")
            stuck.cancel()
            #expect(try await stuck.value == .cancelled)
            #expect(permits.held == 0 && permits.taken == ["one", "two"])
        }
    }

    @Test func oneServerIsAskedWithoutLookingAndItsFailureIsToldAsItIs() async throws {
        let provider = Ollama(url: "http://127.0.0.1:1", fetcher: fetcher)
        let models = ModelEndpoints([ModelEndpoint(name: "o", provider: provider, permits: 1)], permits: permits)
        for _ in 0..<3 {
            #expect(await failureOf(models, asking("m")) == .retry("Could not connect to Ollama (connection refused)", type: "unreachable"))
        }
        #expect(await models.trouble() == "Could not connect to Ollama (connection refused)")
    }

    @Test func embeddingsFailOverToo() async throws {
        let first = StandInOllama([.embedder("e")])
        first.answerNext(StandInOllama.error(503, "busy"))
        try await with(first, StandInOllama([.embedder("e")])) { models, _ in
            let vectors = try await models.embed(["x"], model: "e")
            #expect(vectors.count == 1)
            #expect(try await models.embed([], model: "e").isEmpty)
        }
    }

    /// Of a server that drops what it is sent, each question would cost a timeout.
    @Test func aServerThatNeverAnsweredIsNotAskedForItsListEveryTime() async throws {
        let lost = LostServer()
        let standIn = StandInOllama([StandInModel("m")])
        try await withServer({ await standIn.answer($0) }) { (url) async throws in
            let there = ModelEndpoint(name: "there", provider: Ollama(url: url, fetcher: fetcher), permits: 1)
            let lostOne = ModelEndpoint(name: "lost", provider: lost, permits: 1)
            let models = ModelEndpoints([lostOne, there], permits: permits, firstPause: .seconds(600))
            for _ in 0..<3 {
                #expect(try await models.answer(asking("m")).text == "m heard: hi")
                #expect(try await models.models().count == 1)
            }
            #expect(lost.lists == 1)
            // Asked after all where nobody else has it.
            #expect(await failureOf(models, asking("other"))?.type == "unreachable")
            #expect(lost.lists == 2)
        }
    }
}

/// Cannot be reached, and counts how often somebody tried.
private final class LostServer: ModelProvider {
    let name = "ollama"
    let isStandIn = false
    private let asked = Mutex(0)
    private static let failure = JobFailure.retry("lost", type: "unreachable")

    var lists: Int { asked.withLock { $0 } }

    func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer { throw Self.failure }

    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] { throw Self.failure }

    func models() async throws(JobFailure) -> [ModelDescription] {
        asked.withLock { $0 += 1 }
        throw Self.failure
    }

    func trouble() async -> String? { "lost" }
}
