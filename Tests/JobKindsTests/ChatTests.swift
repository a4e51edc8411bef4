import JobKinds
import JobModel
import Services
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChatTests {
    private let question: JSONValue = [
        ["role": "system", "content": "You are a TypeScript expert."], ["role": "user", "content": "What is an interface?"],
    ]

    @Test func whatWasSaidAndTheAnswerAreWrittenToTheSession() async throws {
        let model = ScriptedModel { (request, _) throws(JobFailure) in ScriptedModel.answer("A shape.", thinking: "Hm", to: request) }
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let words = SpokenWords()
            let result = try await fixture.run("chat", ["model": "m", "messages": question], session: "s", conversation: words)
            #expect(result["message"] == ["role": "assistant", "content": "A shape."] && result["text"] == "A shape.")
            #expect(result["session_id"] == "s" && result["history_messages"] == 0)
            #expect(words.said.map(\.role) == [.system, .user, .assistant])
            #expect(words.said.last == ConversationMessage(.assistant, "A shape.", model: "m", thinking: "Hm", tokens: 3))
            // Without a session nothing is written.
            let silent = SpokenWords()
            #expect(try await fixture.run("chat", ["model": "m", "messages": question], conversation: silent)["session_id"] == nil)
            #expect(silent.said.isEmpty)
        }
    }

    @Test func aClientThatSendsEverythingEachTimeRepeatsNothing() async throws {
        let model = ScriptedModel()
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let words = SpokenWords()
            let messages: JSONValue = [
                ["role": "user", "content": "one"], ["role": "assistant", "content": "1"], ["role": "user", "content": "two"],
            ]
            _ = try await fixture.run("chat", ["model": "m", "messages": messages], session: "s", conversation: words)
            #expect(words.said.map(\.content) == ["two", "answer 1 of m"])
            #expect(model.requests.first?.task == .chat([.init(.user, "one"), .init(.assistant, "1"), .init(.user, "two")]))
        }
    }

    @Test func historyGoesInFrontWhereItIsAskedFor() async throws {
        let model = ScriptedModel()
        let past = [
            ConversationMessage(.system, "Be old."), ConversationMessage(.user, "before"),
            ConversationMessage(.assistant, "then", thinking: "x"),
        ]
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let words = SpokenWords(past)
            let input: JSONValue = ["model": "m", "messages": [["role": "user", "content": "now"]], "include_history": true]
            let result = try await fixture.run("chat", input, session: "s", conversation: words)
            #expect(result["history_messages"] == 3)
            _ = try await fixture.run(
                "chat", ["model": "m", "messages": question, "include_history": true], session: "s", conversation: words)
            let expected: [ModelMessage] = [
                .init(.system, "Be old."), .init(.user, "before"), .init(.assistant, "then"), .init(.user, "now"),
            ]
            #expect(model.requests.first?.task == .chat(expected))
            guard case .chat(let second) = model.requests.last?.task else { throw JobFailure.lost }
            #expect(second.map(\.role) == [.user, .assistant, .system, .user], "the submission's system message stands for the old one")
        }
    }
}
