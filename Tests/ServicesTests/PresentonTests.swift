import JobModel
import Logging
import Services
import TestServers
import Testing
import WebFetch

@Suite(.timeLimit(.minutes(1))) struct PresentonTests {
    private let fetcher = Fetcher(guard: nil, userAgent: "tests")
    private let order: JSONValue = ["content": "Tides", "n_slides": 10]

    private func with(
        _ build: StandInPresenton.Build = .init(), login: PresentonLogin = .none, _ body: (StandInPresenton, Presenton) async throws -> Void
    ) async throws {
        let standIn = StandInPresenton(build)
        let server = try await StubHTTPServer { await standIn.answer($0) }
        let outcome = await Result { try await body(standIn, Presenton(url: server.url + "/", login: login, fetcher: fetcher)) }
        await server.stop()
        try outcome.get()
    }

    @Test func aTaskGoesFromTheQuestionToTheDeck() async throws {
        try await with { (standIn, presenton) async throws in
            guard case .task(let id) = await presenton.ask(order) else { throw Unexpected() }
            #expect(standIn.orders == [order] && standIn.decks == 1)
            var seen: [Double?] = []
            while true {
                let task = try #require(try await presenton.task(id))
                if case .completed(let deck) = task.status {
                    #expect(deck.editPath == "/presentation?id=\(deck.id ?? "")" && deck.path?.hasSuffix(".pptx") == true)
                    break
                }
                seen.append(task.fraction)
            }
            #expect(seen == [0.5, 1])
            #expect(try await presenton.tasks(since: .now) == [id])
            #expect(try await presenton.task("task-unknown") == nil)
        }
    }

    /// It becomes a link that people click on.
    @Test(arguments: [
        ("/presentation?id=p", "/presentation?id=p"), ("https://slides.example/p", "https://slides.example/p"),
        ("javascript:alert(1)", "/presentation?id=a"), ("//evil.example/", "/presentation?id=a"),
        ("/\\evil.example/", "/presentation?id=a"),
        (" /p", "/presentation?id=a"), ("/p\r\nX: y", "/presentation?id=a"), ("data:text/html,x", "/presentation?id=a"),
        ("", "/presentation?id=a"),
    ])
    func anEditorsPageIsAPageOfTheWeb(_ said: String, _ kept: String) {
        #expect(PresentonDeck(["presentation_id": "a", "edit_path": .string(said)]).editPath == kept)
    }

    @Test func oldBuildsHaveNoListAndNameNoPaths() async throws {
        try await with(.old) { (_, presenton) async throws in
            guard case .task(let id) = await presenton.ask(order) else { throw Unexpected() }
            #expect(try await presenton.tasks(since: .now) == nil)
            var deck: PresentonDeck?
            while deck == nil {
                if case .completed(let made)? = try await presenton.task(id)?.status { deck = made }
            }
            #expect(deck == PresentonDeck(.null))
            #expect(await presenton.trouble() == nil)
        }
        var build = StandInPresenton.Build()
        build.hasBackground = false
        try await with(build) { (standIn, presenton) async throws in
            #expect(await presenton.ask(order) == .noBackground)
            guard case .deck(let deck) = await presenton.make(order) else { throw Unexpected() }
            #expect(deck.path != nil)
            #expect(try await presenton.decks(like: order)?.count == 1)
            #expect(try await presenton.decks(like: ["content": "another"]) == [])
            #expect(standIn.decks == 1)
        }
    }

    @Test(arguments: [
        (PresentonLogin.basic(user: "me", password: "pass:word"), "Basic bWU6cGFzczp3b3Jk"), (.bearer("sk-1"), "Bearer sk-1"),
        (.header(name: "Authorization", value: "raw"), "raw"),
    ])
    func theLoginIsSentWithEverythingDownloadsIncluded(_ login: PresentonLogin, _ header: String) async throws {
        var build = StandInPresenton.Build()
        build.authorization = header
        try await with(build, login: login) { (_, presenton) async throws in
            guard case .task = await presenton.ask(order) else { throw Unexpected() }
            let body = try #require(try await presenton.file(at: "/app_data/a b.pptx", maxBytes: 1 << 20))
            #expect(try await body.collect().starts(with: "PK".utf8))
            #expect(await presenton.trouble() == nil)
        }
        try await with(build) { (_, presenton) async throws in
            guard case .refused(let failure) = await presenton.ask(order) else { throw Unexpected() }
            #expect(failure.verdict == .permanent && failure.type == "http_401")
            #expect(await presenton.trouble() == "Presenton refuses the login: check PRESENTON_AUTH and its key")
        }
    }

    @Test(arguments: [
        (400, false), (401, false), (403, false), (422, false), (428, false), (429, true), (500, true), (502, true), (503, true),
        (504, true),
    ])
    func aStatusSaysWhetherToTryAgain(_ status: Int, _ again: Bool) async throws {
        try await with { (standIn, presenton) async throws in
            standIn.answerNext(StandInPresenton.detail(status, "why"))
            let failure: JobFailure
            switch await presenton.ask(order) {
            case .refused(let why): failure = why
            // Something in between does not know what became of it.
            case .unknown(let why) where status == 502 || status == 504: failure = why
            default: throw Unexpected()
            }
            #expect((failure.verdict == .retry(afterMilliseconds: nil)) == again && (failure.verdict == .permanent) == !again)
            #expect(failure.type == "http_\(status)" && standIn.decks == 0)
        }
    }

    @Test func validationFaultsAreToldInOneLine() async throws {
        try await with { (_, presenton) async throws in
            guard case .refused(let failure) = await presenton.ask(["n_slides": 3]) else { throw Unexpected() }
            #expect(failure.message == "Presenton refused the request with status 422: body.content: Field required")
        }
    }

    @Test func aQuestionWithoutAnAnswerIsUnknownAndOneThatWasNotSentIsNot() async throws {
        try await with { (standIn, presenton) async throws in
            standIn.loseNextAnswer()
            guard case .unknown = await presenton.ask(order) else { throw Unexpected() }
            #expect(standIn.decks == 1)
            standIn.answerNext(.html("<html>a proxy's page</html>"))
            guard case .unknown(let failure) = await presenton.ask(order) else { throw Unexpected() }
            #expect(failure.type == "invalid_answer")
        }
        guard case .refused(let failure) = await Presenton(url: "http://127.0.0.1:1", fetcher: fetcher).ask(order) else {
            throw Unexpected()
        }
        #expect(failure.type == "unreachable")
    }

    @Test(arguments: ["http://127.0.0.1:1/app_data/x", "//elsewhere.example/x", "ftp://h/x", "http://u:p@127.0.0.1/x"])
    func onlyTheConfiguredServerIsAskedForFiles(path: String) async throws {
        try await with { (_, presenton) async throws in
            #expect(try await presenton.file(at: path, maxBytes: 1 << 20) == nil)
        }
    }

    @Test(
        arguments: [
            #"{"status":"pending"}"#, #"{"status":"pending","data":{"created_slides":0,"remaining_slides":0}}"#,
            #"{"status":"paused","data":{"created_slides":-1,"remaining_slides":"x"}}"#, #"{"status":"pending","data":[],"message":7}"#,
        ])
    func strangeTasksArePendingWithoutCounts(text: String) throws {
        let task = try #require(PresentonTask(try JSONReader.read(text)))
        #expect(task.status == .pending && task.fraction == nil)
    }

    @Test func errorsOfTasksAreReadInEveryForm() throws {
        let forms: [(String, PresentonTask.Status)] = [
            (#"{"status":"error","error":{"status_code":400,"detail":"no template"}}"#, .failed(status: 400, detail: "no template")),
            (#"{"status":"error","error":null,"message":"failed"}"#, .failed(status: nil, detail: "failed")),
            (#"{"status":"error","error":"boom"}"#, .failed(status: nil, detail: "boom")),
            (#"{"status":"completed"}"#, .completed(PresentonDeck(.null))),
            (#"{"status":"completed","data":{"presentation_id":"a-1"}}"#, .completed(PresentonDeck(["presentation_id": "a-1"]))),
        ]
        for (text, status) in forms { #expect(PresentonTask(try JSONReader.read(text))?.status == status) }
        #expect(PresentonDeck(["presentation_id": "a-1"]).editPath == "/presentation?id=a-1")
        #expect(PresentonTask(try JSONReader.read("[]")) == nil)
    }
}

private struct Unexpected: Error {}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
