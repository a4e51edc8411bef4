import JobModel
import Synchronization
import Testing

@testable import ToolServer

/// The protocol over lines, with a door of the test behind it.
@Suite(.timeLimit(.minutes(1))) struct LineServerTests {
    /// What the server says, and a way to wait for it.
    private final class Output: Sendable {
        let stream: AsyncStream<JSONValue>
        private let continuation: AsyncStream<JSONValue>.Continuation

        init() { (stream, continuation) = AsyncStream<JSONValue>.makeStream() }

        func say(_ message: JSONValue) { continuation.yield(message) }
        func end() { continuation.finish() }
    }

    private static let running: JSONValue = ["job_id": "j", "status": "processing", "progress": 10]

    private func call(_ id: JSONValue, _ tool: String, _ arguments: JSONValue) -> [UInt8] {
        let params: JSONValue = ["name": .string(tool), "arguments": arguments, "_meta": ["progressToken": id]]
        return JSONValue.object(["jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params]).bytes
    }

    @Test func aCancelledCallIsNotAnsweredAndOthersGoOn() async throws {
        let door = StubDoor(endsEvents: false) { _ in .ok(Self.running) }
        let (lines, input) = AsyncStream<[UInt8]>.makeStream()
        let output = Output()
        let server = LineServer(ToolServer(version: "t"), door: door) { output.say($0) }
        async let serving: Void = server.serve(lines)
        var said = output.stream.makeAsyncIterator()
        input.yield(call(1, "get_job_result", ["job_id": "j", "wait_seconds": 300]))
        #expect(await said.next()?["method"] == "notifications/progress")
        input.yield(Array(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#.utf8))
        input.yield(call(2, "get_job_progress", ["job_id": "j"]))
        #expect(await said.next()?["id"] == 2)
        input.finish()
        await serving
        output.end()
        #expect(await said.next() == nil)
        // The job was looked at, and nothing else was asked of the API.
        #expect(Set(door.asked.map { "\($0.method) \($0.path)" }) == ["GET /jobs/j"])
    }

    @Test func theEndOfTheLinesEndsTheWaiting() async throws {
        let door = StubDoor(endsEvents: false) { _ in .ok(Self.running) }
        let (lines, input) = AsyncStream<[UInt8]>.makeStream()
        let output = Output()
        let server = LineServer(ToolServer(version: "t"), door: door) { output.say($0) }
        input.yield(call("a", "get_job_result", ["job_id": "j", "wait_seconds": 300]))
        input.yield(Array("no JSON".utf8))
        input.finish()
        await server.serve(lines, grace: .milliseconds(50))
        output.end()
        var answers: [JSONValue] = []
        for await message in output.stream where message["method"] == nil { answers.append(message) }
        // Whoever closed the lines does not read on: the call that waits is given up without a word.
        #expect(answers.count == 1)
        #expect(answers.first?["error"]?["code"] == -32700)
    }
}
