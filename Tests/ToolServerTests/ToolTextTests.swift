import JobModel
import Synchronization
import Testing

@testable import ToolServer

/// What tools say: the words that their users know, and the next call to make.
@Suite struct ToolTextTests {
    private func run(_ tool: String, _ arguments: [String: JSONValue], _ door: StubDoor) async throws -> ToolAnswer {
        let tool = try #require(Kinds.table[tool])
        return try await tool.run(ToolCall(arguments: try tool.input.accept(arguments), door: door, kinds: Kinds.infos))
    }

    @Test(
        arguments: [
            (
                ["status": "processing", "progress": 35, "elapsed_seconds": 10.5, "remaining_seconds": 20],
                "⏳ Job Progress: j\n- Status: running\n- Progress: 35%\n- Elapsed Time: 10.5s\n- Estimated Remaining: ~20.0s"
            ),
            (
                ["status": "completed", "progress": 100, "elapsed_seconds": 30.2],
                "✅ Job Progress: j\n- Status: completed\n- Progress: 100%\n- Total Time: 30.2s"
            ),
            (
                ["status": "failed", "progress": 60, "error": "Timeout after 30000ms"],
                "❌ Job Progress: j\n- Status: failed\n- Progress: 60%\n- Error: Timeout after 30000ms"
            ),
            (["status": "queued", "progress": 0], "⏳ Job Progress: j\n- Status: pending\n- Progress: 0%"),
        ] as [([String: JSONValue], String)])
    func progressIsToldInTheSeedsForm(job: [String: JSONValue], text: String) {
        let view = JobView(document: .object(job.merging(["job_id": "j"]) { $1 }))
        #expect(view.progressText.hasPrefix(text))
        #expect(view.progressText.contains("job_id=\"j\""))
    }

    @Test func whatWasFoundIsToldWithItsSource() async throws {
        let door = StubDoor { request in
            #expect(request.path == "/search" && request.body == ["query": "tides", "limit": 3, "min_score": 0.5])
            return .ok([
                "count": 1, "model": "m",
                "results": [["score": 0.81234, "text": "Twice a day.", "source": "https://a/tides", "title": "Tides", "chunk": 0]],
            ])
        }
        let answer = try await run("search_documents", ["q": "tides", "topK": 3, "minScore": 0.5], door)
        #expect(answer.text == "1. Tides — https://a/tides (score 0.812)\nTwice a day." && answer.content["count"] == 1)
        let nothing = try await run("search_documents", ["query": "x"], StubDoor { _ in .ok(["results": [], "count": 0]) })
        #expect(nothing.text.contains("crawl_web"))
    }

    @Test func aRefusalSaysWhatToMend() async throws {
        let door = StubDoor { _ in
            .problem(422, "invalid-input", ["errors": [["pointer": "#/input/uri", "detail": "must be a URL"]]])
        }
        let fault = await #expect(throws: ToolFault.self) { try await run("ingest_doc", ["doc_uri": "x"], door) }
        #expect(fault?.text == "❌ A title: A detail.\n- doc_uri: must be a URL")
        #expect(fault?.result["isError"] == true)
        let busy = DoorAnswer(status: 503, headers: ["retry-after": "5"], body: ["title": "Busy"])
        let later = await #expect(throws: ToolFault.self) { try await run("list_jobs", [:], StubDoor { _ in busy }) }
        #expect(later?.text == "❌ Busy\nRepeat the call in 5 s.")
    }

    @Test func segmentsOfPathsStayInTheirPlace() async throws {
        let door = StubDoor { _ in .ok(["session_id": "a/../b", "deleted_messages": 2]) }
        let answer = try await run("manage_conversation", ["action": "clear", "session_id": "a/../b?x"], door)
        #expect(door.asked.map(\.target) == ["/conversations/a%2F..%2Fb%3Fx"] && door.asked.map(\.method) == ["DELETE"])
        #expect(answer.text == "✓ Conversation history cleared for session ID: a/../b?x")
    }

    @Test func aLargeResultIsNotSentTwice() {
        let text = String(repeating: "tide ", count: 100_000)
        let job: JSONValue = ["job_id": "j", "kind": "generate", "status": "completed", "result": ["text": .string(text)]]
        let answer = ResultText.answer(JobView(document: job))
        #expect(answer.content["result"] == nil && answer.content["result_omitted"] == true)
        #expect(answer.text.utf8.count < 201_000 && answer.text.contains("/jobs/j/result"))
        #expect(JSONSchema(ResultText.schema).faults(in: .object(answer.content)).isEmpty)
    }

    @Test func progressGrowsWithEveryWord() {
        let told = Mutex<[Double]>([])
        let teller = ProgressTeller("t") { message in
            told.withLock { $0.append(message["params"]?["progress"]?.number ?? -1) }
        }
        for (progress, message) in [(0.0, "a"), (0, "a"), (0, "b"), (30, "b"), (20, "c"), (20, "c"), (100, "d"), (100, "e")] {
            teller.tell(progress, message)
        }
        #expect(told.withLock { $0 } == [0, 0.01, 30, 30.01, 100])
    }
}
