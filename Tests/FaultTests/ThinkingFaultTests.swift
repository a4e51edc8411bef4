import JobModel
import PostgresWire
import Synchronization
import TestServers
import Testing

/// Three models think in seven steps; their worker is killed with -9 when fifteen of the twenty-one are done. The next attempt asks for the six
/// that are missing. The kind is the real one; Ollama is a stand-in that counts what it is asked for.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ThinkingFaultTests {
    @Test func aKilledThinkerAsksForWhatIsMissingOnly() async throws {
        let turnstile = Turnstile(passing: 15)
        let standIn = StandInOllama(["a", "b", "c"].map { name in StandInModel(name) { _ in "a thought of \(name)" } }) {
            if case .asked = $0 { await turnstile.pass() }
        }
        let server = try await StubHTTPServer { await standIn.answer($0) }
        let fleet = try await Fleet.start(
            apis: 1, workers: 2, lease: .milliseconds(1500), more: ["FAULT_MODELS": server.url, "FAULT_PERMITS": "3"])
        let outcome = await Result {
            let door = Door(fleet.apis, book: Book())
            let order: JSONValue = [
                "kind": "thinking", "input": ["question": "How?", "num_thinking_steps": 7, "session_id": "s", "models": ["a", "b", "c"]],
            ]
            let id = try #require(try await door.insist("POST", "/jobs", order).body["job_id"]?.string)
            try await eventually(within: .seconds(60)) {
                let rows = try await fleet.database.query("SELECT count(*) AS n FROM job_steps WHERE job_id = $1", [.text(id)])
                return try rows.first?.int("n") == 15 && turnstile.waiting > 0
            }
            fleet.killWorkers()
            let before = standIn.gauge.allCalls
            turnstile.open()
            var shown: JSONValue?
            try await eventually(within: .seconds(60)) {
                shown = await door.send("GET", "/jobs/\(id)")?.body
                return shown?["status"] == "completed" || shown?["status"] == "failed"
            }
            #expect(shown?["status"] == "completed", "\(shown?["error"]?.string ?? "") \(fleet.log.last(10))")
            #expect(shown?["result"]?["answered"] == 3 && (shown?["attempt"]?.integer ?? 0) > 1)
            let calls = standIn.gauge.allCalls - before
            Trial.tell("killed at step 15 of 21: the next attempt made \(calls) calls")
            #expect(calls == 6)
            // What was said is kept once.
            #expect(await door.send("GET", "/conversations/s")?.body["message_count"] == 4)
            try await fleet.waitForSuspectsToLeave()
        }
        turnstile.open()
        let orphans = await fleet.close()
        await server.stop()
        #expect(orphans.isEmpty, "processes outlived their fleet: \(fleet.log.last(orphans.count))")
        try outcome.get()
    }
}

/// Lets so many through, and the others when it is opened.
private final class Turnstile: Sendable {
    private let counts: Mutex<(left: Int, waiting: Int)>
    private let (opened, end) = AsyncStream<Void>.makeStream()

    init(passing count: Int) {
        counts = Mutex((count, 0))
    }

    var waiting: Int { counts.withLock { $0.waiting } }

    func open() { end.finish() }

    func pass() async {
        let mayPass = counts.withLock { counts in
            counts.left -= 1
            if counts.left < 0 { counts.waiting += 1 }
            return counts.left >= 0
        }
        if !mayPass { for await _ in opened {} }
    }
}
