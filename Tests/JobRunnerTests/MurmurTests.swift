import JobDesk
import JobModel
import JobQueue
import Synchronization
import TestServers
import Testing

@testable import JobRunner

/// What an attempt says in passing: the handler never waits, watchers hear all of it before the end, nothing is kept.
@Suite(.timeLimit(.minutes(1))) struct MurmurTests {
    private func token(_ text: String, _ source: String = "m", _ field: String = "text") -> JobEvent {
        JobEvent(.token, [field: .string(text), "source": .string(source)])
    }

    @Test func piecesThatWaitAreMergedBySourceAndKind() async throws {
        let gate = Gate()
        let told = Mutex<[[JobEvent]]>([])
        let murmurs = Murmurs(pause: .zero) { events in
            told.withLock { $0.append(events) }
            try? await gate.wait()
            return true
        }
        murmurs.add(token("first"))
        try await eventually { told.withLock { $0.count } == 1 }
        for piece in [token("a"), token("b"), token("c", "n"), token("d", "n", "thinking"), token("e", "n", "thinking")] {
            murmurs.add(piece)
        }
        gate.open()
        await murmurs.end()
        let messages = told.withLock { $0 }
        #expect(messages.count == 2)
        #expect(
            messages[1].map(\.fields) == [
                ["text": "ab", "source": "m"], ["text": "c", "source": "n"], ["thinking": "de", "source": "n"],
            ])
    }

    @Test func whatIsDroppedIsCountedInWhatComesNext() async throws {
        let answers = Mutex([false, true])
        let told = Mutex<[JobEvent]>([])
        let murmurs = Murmurs(pause: .zero) { events in
            told.withLock { $0 += events }
            return answers.withLock { $0.isEmpty ? true : $0.removeFirst() }
        }
        murmurs.add(token("lost"))
        await murmurs.end()
        murmurs.add(token(String(repeating: "x", count: 100_000)))
        murmurs.add(token("heard"))
        await murmurs.end()
        #expect(told.withLock { $0.last?.fields } == ["text": "heard", "source": "m", "dropped": 2])
    }

    @Test func watchersHearAHandlersTokensBeforeItsEnd() async throws {
        let handler = TestHandler { (context) throws(JobFailure) in
            for word in ["one", " two", " three"] { context.tell(.text(word), from: "m") }
            context.tell(.thinking("hm"), from: "m")
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { _ in
            let id = try await fixture.submit()
            var text = ""
            var last = ""
            for try await event in try await fixture.desk.events(of: id, after: nil, withTokens: true) {
                last = event.name
                if event.name == "token" { text += try JSONReader.read(event.json)["text"]?.string ?? "" }
            }
            #expect(last == "completed")
            // Told before the watcher listened: gone. Told after: whole.
            #expect("one two three".hasSuffix(text))
            #expect(try await fixture.desk.log(of: id).allSatisfy { $0["event"] != "token" })
        }
    }

    @Test func theCallerOfAModelIsKnownToWhateverTheHandlerCalls() async throws {
        let seen = Mutex<[String]>([])
        let handler = TestHandler { (context) throws(JobFailure) in
            async let other = ModelCaller.current?.nextHolder().description
            let holders = [await other, ModelCaller.current?.nextHolder().description].compactMap(\.self)
            seen.withLock { $0 = holders.sorted() }
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        try await fixture.working { runner in
            let id = try await fixture.submit()
            _ = try await fixture.ended(id)
            let name = try #require(runner.name)
            #expect(seen.withLock { $0 } == ["\(id):\(name):1:1", "\(id):\(name):1:2"])
        }
    }
}
