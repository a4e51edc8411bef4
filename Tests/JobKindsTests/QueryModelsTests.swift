import JobKinds
import JobModel
import Services
import Testing

@Suite(.timeLimit(.minutes(1))) struct QueryModelsTests {
    private let panel = ModelPanel(models: ["a", "b", "c"], historyTokens: 20)
    private static let refused = JobFailure.retry("Could not connect to Ollama (connection refused)", type: "connection_refused")

    private func query(_ models: any ModelProvider) -> QueryModels { QueryModels(models: models, panel: panel) }

    @Test func everyModelAnswersAndTheSessionKeepsIt() async throws {
        let models = PanelModel { request throws(JobFailure) in "\(request.model): \(request.lastWords)" }
        let talk = RememberedTalk()
        let record = JobRecord()
        let result = try await attempt(
            query(models), ["question": "What is React?", "system_prompt": "Be brief"], record, session: "s", talk: talk)
        #expect(result["answers"]?.array?.map { $0["model"] } == ["a", "b", "c"])
        #expect(result["answers"]?.array?.map { $0["answer"]?.string } == ["a", "b", "c"].map { "\($0): What is React?" })
        #expect(result["message"] == "All 3 models answered" && result["partial"] == false && result["session_id"] == "s")
        #expect(result["usage"] == ["prompt_tokens": 9, "answer_tokens": 6])
        #expect(models.requests.allSatisfy { $0.messages.first == ModelMessage(.system, "Be brief") && $0.thinking == .off })
        #expect(talk.said.map(\.role) == [.system, .user, .assistant, .assistant, .assistant])
        #expect(talk.said.dropFirst(2).map(\.model) == ["a", "b", "c"])
        #expect(record.progress.map(\.percent) == [5, 35, 65, 95])
    }

    @Test func aFailureOfSomeIsToldAndOnlyThoseAreAskedAgain() async throws {
        let models = PanelModel { request throws(JobFailure) in
            if request.model == "b" { throw .permanent("model 'b' not found", type: "model_not_found") }
            return "yes"
        }
        let record = JobRecord()
        let result = try await attempt(query(models), ["question": "q"], record)
        #expect(result["answered"] == 2 && result["asked"] == 3 && result["partial"] == true)
        #expect(result["failures"] == [["model": "b", "error": "model 'b' not found", "error_type": "model_not_found"]])
        #expect(result["message"] == "2 of 3 models answered")
        #expect(record.progress.contains { $0.message == "b failed: model 'b' not found" })
        _ = try await attempt(query(models), ["question": "q"], record)
        #expect(models.requests(to: "a").count == 1 && models.requests(to: "b").count == 2)
    }

    @Test func aModelWithoutAWordHasNotAnsweredAndTwoNamesOfOneAreAskedOnce() async throws {
        let models = PanelModel { request throws(JobFailure) in request.model == "silent" ? " \n" : "yes" }
        let talk = RememberedTalk()
        let named: JSONValue = ["question": "q", "models": ["m", "silent", "m:latest"]]
        let result = try await attempt(query(models), named, session: "s", talk: talk)
        #expect(result["asked"] == 2 && result["answered"] == 1 && models.requests.count == 2)
        #expect(result["failures"] == [["model": "silent", "error": "silent said nothing", "error_type": "empty_answer"]])
        #expect(talk.said.map(\.role) == [.user, .assistant])
    }

    @Test func whereAllFailTheJobFailsInTheirWords() async throws {
        let away = PanelModel { _ throws(JobFailure) in throw Self.refused }
        await #expect(throws: Self.refused) { try await attempt(query(away), ["question": "q"]) }
        let mixed = PanelModel { request throws(JobFailure) in
            throw request.model == "b" ? Self.refused : .permanent("model '\(request.model)' not found", type: "model_not_found")
        }
        let expected = JobFailure.retry(
            "a: model 'a' not found; b: \(Self.refused.message); c: model 'c' not found", type: "all_models_failed")
        await #expect(throws: expected) { try await attempt(query(mixed), ["question": "q"]) }
    }

    @Test func aStopIsNoAnswer() async throws {
        let (reached, reach) = AsyncStream<Void>.makeStream()
        let models = PanelModel { request throws(JobFailure) in
            if request.model == "a" { return "quick" }
            reach.yield()
            do { try await Task.sleep(for: .seconds(3600)) } catch {}
            throw .retry("connection closed", type: "connection")
        }
        let running = Task { [panel] () -> Result<JSONValue, JobFailure> in
            do throws(JobFailure) {
                return .success(try await attempt(QueryModels(models: models, panel: panel), ["question": "q"]))
            } catch { return .failure(error) }
        }
        for await _ in reached { break }
        running.cancel()
        #expect(await running.value == .failure(.cancelled))
    }

    @Test func aModelHearsItsOwnAnswersAsFarAsTheBudgetGoes() async throws {
        let talk = RememberedTalk([
            [.init(.user, "oldest", tokens: 30), .init(.assistant, "gone", model: "a", tokens: 1)],
            [
                .init(.system, "kept", tokens: 2), .init(.user, "one", tokens: 4), .init(.assistant, "a1", model: "a", tokens: 3),
                .init(.assistant, "b1", model: "b", tokens: 3),
            ],
            [.init(.user, "two", tokens: 4), .init(.assistant, "b2", model: "b", tokens: 3)],
        ])
        let models = PanelModel { _ throws(JobFailure) in "ok" }
        _ = try await attempt(query(models), ["question": "now", "include_history": true], session: "s", talk: talk)
        let heard = { (model: String) in models.requests(to: model).first?.messages.map(\.content) ?? [] }
        #expect(heard("a") == ["kept", "one", "a1", "two", "b2", "now"])
        #expect(heard("b") == ["kept", "one", "b1", "two", "b2", "now"])
        #expect(heard("c") == ["kept", "one", "a1", "two", "b2", "now"])
        // The system prompt of the session is not said again.
        #expect(talk.said.map(\.role) == [.user, .assistant, .assistant, .assistant])
        let deaf = PanelModel { _ throws(JobFailure) in "ok" }
        _ = try await attempt(query(deaf), ["question": "now"], session: "s", talk: talk)
        #expect(deaf.requests.allSatisfy { $0.messages == [ModelMessage(.user, "now")] })
    }

    @Test func namedModelsAreAskedOnceEachAndAStandInSaysSo() async throws {
        let result = try await attempt(query(Echo()), ["question": "q", "models": ["x", "y", "x"]])
        #expect(result["answers"]?.array?.map { $0["model"] } == ["x", "y"] && result["stand_in"] == true)
        #expect(result["answers"]?.array?.allSatisfy { $0["provider"] == "echo" && $0["stand_in"] == true } == true)
    }

    @Test func longAnswersAreCutAndSaySo() async throws {
        let long = String(repeating: "å", count: 200_000)
        let models = PanelModel { _ throws(JobFailure) in long }
        let result = try await attempt(query(models), ["question": "q", "models": ["a"]])
        let text = try #require(result["answers"]?.array?.first?["answer"]?.string)
        #expect(text.utf8.count <= 100_000 && text.hasSuffix("å … [cut here]"))
    }

    @Test func estimatesGrowWithWhatIsAsked() throws {
        let weight = { (kind: JobKind, input: JSONValue) in kind.weight(of: input) }
        #expect(weight(QueryModels.kind, ["question": "q"]) == 1)
        #expect(weight(QueryModels.kind, ["question": "q", "models": ["a", "b", "c", "d", "e", "f"]]) == 2)
        // The seed: three models, eight steps, about 48 s; seven steps, about 42 s.
        let seconds = { (steps: Int64) in
            Double(ThinkInSteps.kind.estimatedMilliseconds) / 1000
                * (ThinkInSteps.kind.weight(of: ["question": "q", "num_thinking_steps": .integer(steps)]) ?? 0)
        }
        #expect(abs(seconds(8) - 48) < 0.01 && abs(seconds(7) - 42) < 0.01)
        #expect(QueryModels.kind.timeoutMilliseconds == 30_000 && QueryModels.kind.estimatedMilliseconds == 30_000)
    }
}
