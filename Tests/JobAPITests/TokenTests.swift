import JobModel
import JobQueue
import Synchronization
import TestServers
import Testing

@testable import JobAPI

/// What a model says reaches a watcher as it is said: server-sent events without a number, before the result, and kept nowhere.
@Suite(.timeLimit(.minutes(1))) struct TokenTests {
    @Test func aWatcherReadsTheWordsWhileTheModelSpeaks() async throws {
        let (watched, watch) = AsyncStream<Void>.makeStream()
        let (heard, hear) = AsyncStream<Void>.makeStream()
        let model = StandInModel("m", thoughts: "Erst denken.", reply: { _ in "eins zwei drei" })
        try await WorkingAPI.run([model]) { moment in
            // It speaks when somebody listens, and goes on when the first word was heard.
            if moment == .piece(model: "m", 0) { for await _ in watched {} }
            if moment == .piece(model: "m", 1) { for await _ in heard {} }
        } _: { (working) async throws in
            let submission = try await working.api.post(
                "/jobs", ["kind": "chat", "input": ["model": "m", "think": true, "messages": [["role": "user", "content": "hi"]]]])
            let id = try #require(submission.json["job_id"]?.string.flatMap(JobID.init))
            let stream = try await EventStreamTests.Stream(working.api, id)
            var tokens: [EventStreamTests.Event] = []
            var last = ""
            while let event = try await stream.event() {
                last = event.name
                if event.name == "progress", event.json["step"] == "ask" { watch.finish() }
                guard event.name == "token" else { continue }
                hear.finish()
                tokens.append(event)
            }
            #expect(last == "completed")
            #expect(tokens.allSatisfy { $0.id == nil && $0.json["source"] == "m" && $0.json["seq"] == nil })
            #expect(tokens.compactMap { $0.json["thinking"]?.string }.joined() == "Erst denken.")
            #expect(tokens.compactMap { $0.json["text"]?.string }.joined() == "eins zwei drei")
            let log = try await working.api.get("/jobs/\(id)/log").json["events"]?.array ?? []
            #expect(!log.isEmpty && log.allSatisfy { $0["event"] != "token" })
        }
    }

    /// Servers as their workers see them; one complaint counts.
    @Test func healthShowsEachModelServer() {
        let well: JSONValue = ["name": "a", "kind": "ollama", "status": "healthy", "permits": 1]
        let sick: JSONValue = ["name": "b", "kind": "ollama", "status": "unhealthy", "message": "Could not connect"]
        #expect(ModelHealth.of([]) == ["status": "unknown", "servers": []])
        #expect(ModelHealth.of([well, well]) == ["status": "healthy", "servers": [well]])
        #expect(ModelHealth.of([sick, well]) == ["status": "degraded", "servers": [well, sick]])
        #expect(ModelHealth.of([sick])["status"] == "unhealthy")
    }
}
