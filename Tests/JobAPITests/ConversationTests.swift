import JobDesk
import JobModel
import JobQueue
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct ConversationTests {
    /// A completed job that said this, as a user and a model by turns.
    private func say(_ api: RunningAPI, in session: String, _ texts: String...) async throws -> JobID {
        var turn = try ConversationTurn(of: session)
        for (index, text) in texts.enumerated() {
            let isUser = index.isMultiple(of: 2)
            try turn.add(ConversationMessage(isUser ? .user : .assistant, text, model: isUser ? nil : "m", thinking: isUser ? nil : "t"))
        }
        let job = try await api.desk.submit(JobRequest(kind: "web_crawl", input: ["url": "https://example.com/"])).job
        let claim = Claim(job: job, attempt: 1, worker: "w", stream: "ingest_jobs", entry: "1-1")
        _ = try await api.desk.finish(claim, as: .completed([:]), saying: turn)
        return job.id
    }

    @Test func conversationsAreListedViewedAndCleared() async throws {
        try await withAPI { (api) async throws in
            let job = try await say(api, in: "ml discussion/1", "What?", "That.")
            _ = try await say(api, in: "other", "x")
            let list = try await api.get("/conversations").json
            #expect(list["count"] == 2 && list["next_cursor"] == .null)
            #expect(list["conversations"]?.array?.map { $0["session_id"] } == ["other", "ml discussion/1"])
            #expect(list["conversations"]?.array?.last?["message_count"] == 2)

            let path = "/conversations/ml%20discussion%2F1"
            let view = try await api.get(path).json
            #expect(view["session_id"] == "ml discussion/1" && view["message_count"] == 2 && view["next_cursor"] == .null)
            let messages = try #require(view["messages"]?.array)
            #expect(messages[0]["role"] == "user" && messages[0]["content"] == "What?" && messages[0]["model"] == nil)
            #expect(messages[1]["role"] == "assistant" && messages[1]["model"] == "m" && messages[1]["thinking"] == "t")
            #expect(messages.map { $0["number"] } == [1, 2] && messages[1]["job_id"] == .string(job.description))

            let gone = try await api.send("DELETE", path)
            #expect(gone.status == 200 && gone.json["deleted_messages"] == 2 && gone.json["session_id"] == "ml discussion/1")
            for answer in [try await api.get(path), try await api.send("DELETE", path), try await api.get("/conversations/%zz")] {
                #expect(answer.status == 404 && answer.problem == "unknown-conversation")
            }
        }
    }

    @Test func bothListsHavePages() async throws {
        try await withAPI { (api) async throws in
            for session in ["a+b", "c&d", "é"] { _ = try await say(api, in: session, "1", "2", "3") }
            var sessions: [String] = []
            var path: String? = "/conversations?limit=1"
            while let page = path {
                let json = try await api.get(page).json
                sessions += json["conversations"]?.array?.compactMap { $0["session_id"]?.string } ?? []
                path = json["next_cursor"]?.string.map { "/conversations?limit=1&cursor=\(encoded($0))" }
            }
            #expect(sessions == ["é", "c&d", "a+b"])
            let first = try await api.get("/conversations/a+b?limit=2").json
            #expect(first["messages"]?.array?.count == 2 && first["next_cursor"] == "2" && first["message_count"] == 3)
            let second = try await api.get("/conversations/a+b?limit=2&cursor=2").json
            #expect(second["messages"]?.array?.map { $0["content"] } == ["3"] && second["next_cursor"] == .null)
        }
    }

    private func encoded(_ text: String) -> String {
        text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func manyAreDeletedOnlyWhenTheyAreNamed() async throws {
        try await withAPI { (api) async throws in
            for session in ["a1", "a2", "b"] { _ = try await say(api, in: session, "x") }
            for query in [
                "", "?prefix=a&all=true", "?all=yes", "?changed_before=never", "?session=a",
                "?changed_before=2020-01-01T00:00:00Z&all=true",
            ] {
                let answer = try await api.send("DELETE", "/conversations" + query)
                #expect(answer.status == 422 && answer.problem == "invalid-filter", "\(query)")
            }
            let none = try await api.send("DELETE", "/conversations?prefix=a&changed_before=2020-01-01T00:00:00Z").json
            #expect(none["deleted_conversations"] == 0 && none["complete"] == true)
            let some = try await api.send("DELETE", "/conversations?prefix=a").json
            #expect(some["deleted_conversations"] == 2 && some["deleted_messages"] == 2)
            #expect(try await api.send("DELETE", "/conversations?all=true").json["deleted_conversations"] == 1)
            #expect(try await api.get("/conversations").json["count"] == 0)
        }
    }

    @Test(arguments: ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=1e9.a", "order=up"])
    func whatDoesNotFitIsRefused(query: String) async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.get("/conversations?\(query)").problem == "invalid-filter")
            _ = try await say(api, in: "s", "x")
            #expect(try await api.get("/conversations/s?\(query)").problem == "invalid-filter")
        }
    }
}
