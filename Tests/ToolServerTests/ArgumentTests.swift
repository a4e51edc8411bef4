import JobModel
import Testing

@testable import ToolServer

@Suite struct ArgumentTests {
    private func faults(_ tool: String, _ arguments: [String: JSONValue]) -> [String] {
        guard let tool = Kinds.table[tool] else { return ["no tool"] }
        do throws(ToolFault) {
            _ = try tool.input.accept(arguments)
            return []
        } catch { return error.faults.map { "\($0.pointer) \($0.detail)" } }
    }

    @Test func everyFaultIsNamedInTheCallersWords() {
        #expect(faults("crawl_web", ["url": "https://example.com"]).isEmpty)
        #expect(
            faults("crawl_web", ["ur": "x", "maxPages": "5"]) == [
                "#/url is required", "#/maxPages must be of type integer", "#/ur is not an argument of this tool; did you mean url?",
            ])
        #expect(faults("get_job_status", ["jobId": "1", "job_id": "2"]).first == "#/job_id means the same as jobId: give one of them")
        #expect(faults("health_check", ["a": 1]) == ["#/a is not an argument of this tool; it takes none"])
        #expect(faults("manage_conversation", ["action": "sing"]).first?.contains("must be one of") == true)
        #expect(faults("get_job_result", ["job_id": "1", "wait_seconds": 301]).first?.contains("must be at most 300") == true)
    }

    /// What a body of 1 MiB may hold is answered in little time and few words, whoever asks.
    @Test func hostileNamesCostLittle() async throws {
        let long = String(repeating: "jobId-", count: 170_000)
        let one = String(repeating: "e\u{301}", count: 1) + String(repeating: "\u{301}", count: 100_000)
        let many = Dictionary(uniqueKeysWithValues: (0..<20_000).map { ("someName\($0)", JSONValue.integer(1)) })
        let submit = try #require(Kinds.table["submit_job"])
        let began = ContinuousClock.now
        for name in [long, one] {
            #expect(Kinds.table[name] == nil)
            #expect(ToolNames.nearest(to: name, among: Kinds.table.tools.map(\.name)).count <= 3)
            #expect(faults("list_jobs", [name: 1]).map(\.utf8.count).allSatisfy { $0 < 1_000 })
        }
        #expect(faults("list_jobs", many).count == 20)
        let arguments = try submit.input.accept(many.merging(["kind": "generate", long: 1]) { $1 })
        let fault = await #expect(throws: ToolFault.self) {
            try await submit.run(ToolCall(arguments: arguments, door: StubDoor(), kinds: Kinds.infos))
        }
        #expect(fault?.faults.count == 20 && fault.map { $0.text.utf8.count < 10_000 } == true)
        #expect(ContinuousClock.now - began < .seconds(10))
    }

    @Test func otherWordsAndNullsAreUnderstood() throws {
        let ingest = try #require(Kinds.table["ingest_doc"])
        #expect(try ingest.input.accept(["uri": "https://a/b", "docType": .null]) == ["doc_uri": "https://a/b"])
        let feedback = try #require(Kinds.table["submit_feedback"])
        #expect(
            try feedback.input.accept(["modelName": "m", "jobType": "generate", "taskCategory": "c", "score": 1])
                == ["model": "m", "kind": "generate", "task_category": "c", "score": 1])
    }

    @Test(
        arguments: [("=?base64?bGlzdA==?=", "list"), ("list", "list"), ("=?base64?%%?=", nil), ("=?base64?/w==?=", nil)]
            as [(String, String?)])
    func encodedHeadersAreDecoded(given: String, meant: String?) {
        #expect(Envelope.decoded(given) == meant)
        #expect(Envelope.trimmed(" \tlist_jobs ") == "list_jobs")
    }

    @Test(arguments: [("2026-07-28", true), ("2027-01-01", true), ("2025-11-25", false), ("v999.0.0", false), ("9999", false), ("", false)])
    func laterVersionsAreModern(version: String, isModern: Bool) {
        #expect(ProtocolVersion.isModern(version) == isModern)
    }
}
