import JobKinds
import JobModel
import Services
import Testing

@Suite(.timeLimit(.minutes(1))) struct EmbedTests {
    @Test func oneTextOrManyBecomeVectors() async throws {
        let model = ScriptedModel([ScriptedModel.plain("all-minilm", ["embedding"]), ScriptedModel.plain("llama2", ["completion"])])
        try await KindsFixture.run(models: model) { (fixture) async throws in
            let text = "TypeScript is a typed superset of JavaScript"
            let one = try await fixture.run("embedding", ["model": "all-minilm", "input": .string(text)])
            #expect(one["dimension"] == 256 && one["count"] == 1 && one["model"] == "all-minilm" && one["cache"]?["hit"] == "none")
            let vector = try #require(one["embeddings"]?.array?.first?.array?.compactMap { $0.number })
            let expected = try await Echo().embed([text], model: "")
            #expect(vector.map { Float($0) } == expected[0])
            let two = try await fixture.run("embedding", ["model": "all-minilm", "input": ["a", "b"]])
            #expect(two["count"] == 2 && two["embeddings"]?.array?.count == 2)
            // Equal texts come from the cache, other ones and other orders do not.
            #expect(try await fixture.run("embedding", ["model": "all-minilm", "input": ["a", "b"]])["cache"]?["hit"] == "exact")
            #expect(try await fixture.run("embedding", ["model": "all-minilm", "input": ["b", "a"]])["cache"]?["hit"] == "none")
            #expect(
                try await fixture.run("embedding", ["model": "all-minilm", "input": ["a", "b"], "cache": "off"])["cache"]?["hit"] == "off")
            #expect(model.embedded.count == 4)
        }
    }

    @Test func withoutANameTheModelOfTheSettingsEmbeds() async throws {
        let model = ScriptedModel([ScriptedModel.plain("echo-256", ["embedding"]), ScriptedModel.plain("llama2", ["completion"])])
        try await KindsFixture.run(models: model) { (fixture) async throws in
            for input in [["input": "x"], ["input": "x", "model": "auto"]] as [JSONValue] {
                #expect(try await fixture.run("embedding", input)["model"] == "echo-256")
            }
            let refused = await fixture.failure("embedding", ["input": "x", "model": "llama2"])
            #expect(refused?.type == "model_unable" && refused?.message.hasSuffix("these can: echo-256") == true)
        }
    }
}
