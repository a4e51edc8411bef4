import JobModel
import Synchronization
import TestServers
import Testing

@testable import TidewheelClient

/// Links that break, APIs that leave and come back: nothing is lost, nothing comes twice.
@Suite(.timeLimit(.minutes(1))) struct ReconnectTests {
    /// Lets the job make its steps one by one, and breaks something at some of them.
    private func watchThrough(_ harm: @escaping @Sendable (ClientFixture, Int) async throws -> Void) async throws {
        try await ClientFixture.run { fixture, client in
            let job = try await client.submit("steps", input: ["n": 30])
            var numbers: [Int] = []
            var names: [String] = []
            var step = 0
            for try await update in job.watch() {
                numbers.append(try #require(update.number))
                names.append(update.name)
                guard update.name == "started" || update.name == "progress" else { continue }
                try await harm(fixture, step)
                step += 1
                fixture.steps.permit.yield()
            }
            #expect(numbers == Array(1...33))
            #expect(names.last == "completed")
        }
    }

    @Test func aWatchGoesOnAfterCuts() async throws {
        try await watchThrough { fixture, step in
            if step % 10 == 5 { fixture.link.cut() }
        }
    }

    @Test func aWatchGoesOnAfterARestartOfTheAPI() async throws {
        try await watchThrough { fixture, step in
            guard step == 4 || step == 17 else { return }
            await fixture.stopAPI()
            await fixture.startAPI()
        }
    }

    @Test func aWatchOutlivesAnAPIThatIsAwayForAWhile() async throws {
        let hasTried = Mutex(0)
        try await watchThrough { fixture, step in
            guard step == 3 else { return }
            fixture.link.set(.refusing)
            fixture.link.cut()
            hasTried.withLock { $0 += 1 }
            // The steps go on meanwhile, unseen.
            for _ in 0..<5 { fixture.steps.permit.yield() }
            Task {
                try await Task.sleep(for: .milliseconds(300))
                fixture.link.set(.passing)
            }
        }
        #expect(hasTried.withLock { $0 } == 1)
    }

    @Test func aWatchGivesUpAfterItsTime() async throws {
        var options = TidewheelClient.Options()
        options.reconnectTime = .milliseconds(300)
        let client = try TidewheelClient(url: "http://127.0.0.1:1", options: options)
        await #expect { for try await _ in client.job("x").watch() {} } throws: {
            if case TidewheelError.unreachable = $0 { true } else { false }
        }
    }

    @Test func cancellingTheTaskClosesTheConnection() async throws {
        let (closed, isClosed) = AsyncStream<Void>.makeStream()
        let (opened, isOpen) = AsyncStream<Void>.makeStream()
        let server = try await StubHTTPServer { _ in
            .stream(200, headers: [("Content-Type", "text/event-stream")]) { writer in
                isOpen.finish()
                while await writer.write(Array(":\n\n".utf8)) {
                    guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { break }
                }
                isClosed.finish()
            }
        }
        let client = try TidewheelClient(url: server.url)
        let watching = Task { for try await _ in client.job("x").watch() {} }
        for await _ in opened {}
        watching.cancel()
        await #expect(throws: TidewheelError.cancelled) { try await watching.value }
        for await _ in closed {}
        await server.stop()
    }
}

/// What is repeated, and what is not.
@Suite(.timeLimit(.minutes(1))) struct RepeatTests {
    private static func count(_ answers: [StubResponse], _ ask: (TidewheelClient) async throws -> Void) async throws -> [StubRequest] {
        let seen = Mutex<[StubRequest]>([])
        let server = try await StubHTTPServer { request in
            seen.withLock { seen in
                seen.append(request)
                return answers[min(seen.count, answers.count) - 1]
            }
        }
        var options = TidewheelClient.Options()
        options.retryTime = .seconds(5)
        let client = try TidewheelClient(url: server.url, apiKey: "twk_secret", options: options)
        try await ask(client)
        await client.close()
        await server.stop()
        return seen.withLock { $0 }
    }

    private static let accepted = StubResponse.value(["job_id": "j", "status": "queued"], 202)
    private static let later = StubResponse.value(
        ["type": "urn:tidewheel:problem:unavailable", "detail": "Later."], 503, [("Retry-After", "0")])

    @Test func aSubmissionIsRepeatedWithItsKeyWhenTheAnswerIsLost() async throws {
        let seen = try await Self.count([.drop, Self.later, Self.accepted]) { client in
            let job = try await client.submit("note")
            #expect(job.id == "j")
        }
        #expect(seen.count >= 3)
        #expect(Set(seen.map { $0.header("idempotency-key") }).count == 1)
        #expect(Set(seen.map(\.body)).count == 1)
        #expect(seen.allSatisfy { $0.header("authorization") == "Bearer twk_secret" })
    }

    @Test func aPostWithoutAKeyGoesOutOnce() async throws {
        for answer in [StubResponse.drop, Self.later] {
            let seen = try await Self.count([answer, Self.accepted]) { client in
                let status = try? await client.send("POST", "/schedules/x/run").status
                #expect(status == nil || status == 503)
            }
            #expect(seen.count == 1)
        }
    }

    @Test func tooManyIsWaitedFor() async throws {
        let many = StubResponse.value(["type": "urn:tidewheel:problem:quota-exceeded"], 429, [("Retry-After", "1")])
        let begin = ContinuousClock.now
        let seen = try await Self.count([many, Self.accepted]) { client in
            let answer = try await client.send("POST", "/x")
            #expect(answer.status == 202)
        }
        #expect(seen.count == 2 && ContinuousClock.now - begin >= .seconds(1))
    }

    @Test func patienceHasAnEndAndTheProblemIsTold() async throws {
        let seen = try await Self.count([.value(["type": "urn:tidewheel:problem:full"], 503, [("Retry-After", "60")])]) { client in
            await #expect { try await client.submit("note") } throws: { ($0 as? TidewheelError)?.problem?.type == "full" }
        }
        #expect(seen.count == 1)
    }

    @Test func aRedirectIsNotFollowedWithTheKey() async throws {
        let seen = try await Self.count([.answer(307, headers: [("Location", "/elsewhere")])]) { client in
            let answer = try await client.send("GET", "/x")
            #expect(answer.status == 307)
        }
        #expect(seen.count == 1)
    }

    @Test func aWatchWaitsWhileTheAPISaysLaterAndEndsWhenItSaysNo() async throws {
        let gone = StubResponse.value(["type": "urn:tidewheel:problem:missing-key", "detail": "Send a key."], 401)
        let seen = try await Self.count([Self.later, Self.later, gone]) { client in
            await #expect { for try await _ in client.job("x").watch() {} } throws: {
                ($0 as? TidewheelError)?.problem?.type == "missing-key"
            }
        }
        #expect(seen.count == 3)
    }

    @Test func aNumberThatCameIsDroppedAndANewCountIsTaken() async throws {
        let stream = { (text: String) in
            StubResponse.answer(200, headers: [("Content-Type", "text/event-stream")], body: Array(text.utf8))
        }
        let first = "id: 1\nevent: queued\ndata: {}\n\nid: 1\nevent: queued\ndata: {}\n\nid: 9\nevent: progress\ndata: {}\n\n"
        let second = "id: 1\nevent: queued\ndata: {}\n\nid: 2\nevent: completed\ndata: {}\n\n"
        let seen = try await Self.count([stream(first), stream(second), .answer(204)]) { client in
            let numbers = try await client.job("x").watch().reduce(into: [Int]()) { $0.append($1.number ?? 0) }
            #expect(numbers == [1, 9, 1, 2])
        }
        #expect(seen.map { $0.header("last-event-id") } == [nil, "9", "2"])
    }
}
