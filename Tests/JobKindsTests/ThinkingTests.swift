import JobKinds
import JobModel
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ThinkingTests {
    private let panel = ModelPanel(models: ["a", "b", "c"])
    private static func number(_ request: ModelRequest) -> Int { request.messages.filter { $0.role == .user }.count }

    private func think(_ models: any ModelProvider) -> ThinkInSteps { ThinkInSteps(models: models, panel: panel) }

    @Test func everyStepOfEveryModelIsACallAndAStep() async throws {
        let models = PanelModel(thinkers: ["b:latest"]) { request throws(JobFailure) in "\(request.model)\(Self.number(request))" }
        let record = JobRecord()
        let talk = RememberedTalk()
        let result = try await attempt(
            think(models), ["question": "How?", "num_thinking_steps": 7, "system_prompt": "You are an architect"], record, session: "s",
            talk: talk)
        #expect(models.requests.count == 21 && record.steps.count == 21)
        let shown = try #require(result["models"]?.array)
        #expect(shown.map { $0["answer"] } == ["a7", "b7", "c7"])
        #expect(shown[0]["thinking"]?.array?.map { $0["thought"] } == (1...6).map { .string("a\($0)") })
        #expect(result["usage"] == ["prompt_tokens": 63, "answer_tokens": 42])
        #expect(shown.map { $0["thinks_natively"] } == [false, true, false])
        #expect(shown[1]["thinking"]?.array?.first?["native_thinking"] == "hm" && shown[0]["native_thinking"] == nil)
        #expect(models.requests(to: "b").allSatisfy { $0.thinking == .on } && models.requests(to: "a").allSatisfy { $0.thinking == .off })
        let last = try #require(models.requests(to: "a").last?.messages)
        #expect(last.first?.content.hasPrefix("You are an architect\n\nYou think a question through") == true)
        #expect(
            last[1].content.contains("How?") && last[1].content.contains("Step 1 of 7")
                && last.last?.content.hasPrefix("Step 7 of 7") == true)
        #expect(Array(last.map(\.role).dropFirst()) == [.user] + (1...6).flatMap { _ in [MessageRole.assistant, .user] })
        #expect(record.progress.map(\.percent) == record.progress.map(\.percent).sorted() && record.progress.count == 22)
        #expect(record.progress.last.map { Int($0.percent) } == 98)
        #expect(talk.said.map(\.content) == ["You are an architect", "How?", "a7", "b7", "c7"])
        #expect(talk.said[2].thinking == (1...6).map { "a\($0)" }.joined(separator: "\n\n"))
    }

    @Test func aLaterAttemptGoesOnWhereTheLastOneWas() async throws {
        let record = JobRecord()
        let count = Counter()
        let models = PanelModel { _ throws(JobFailure) in
            if count.next() > 15 { throw .lost }
            return "thought"
        }
        await #expect(throws: JobFailure.lost) { try await attempt(think(models), ["question": "q", "num_thinking_steps": 7], record) }
        let kept = record.steps.count
        #expect((13...15).contains(kept))
        let fresh = PanelModel { _ throws(JobFailure) in "thought" }
        let result = try await attempt(think(fresh), ["question": "q", "num_thinking_steps": 7], record)
        #expect(fresh.requests.count == 21 - kept && result["answered"] == 3)
    }

    @Test func aModelThatFailsLeavesTheOthersAlone() async throws {
        let models = PanelModel { request throws(JobFailure) in
            if request.model == "b", Self.number(request) == 2 { throw .retry("the server is overloaded", type: "overloaded") }
            return request.model == "c" && Self.number(request) == 3 ? " \n" : "fine"
        }
        let record = JobRecord()
        let result = try await attempt(think(models), ["question": "q", "num_thinking_steps": 3, "enable_thinking": false], record)
        #expect(result["models"]?.array?.map { $0["model"] } == ["a"])
        #expect(
            result["failures"]?.array?.map { $0["error"] } == ["the server is overloaded", "c said nothing in step 3"])
        #expect(record.progress.last.map { Int($0.percent) } == 98)
    }

    @Test(arguments: 3...10) func everyNumberOfStepsHasItsDuties(steps: Int) async throws {
        let models = PanelModel { _ throws(JobFailure) in "t" }
        let result = try await attempt(
            think(models), ["question": "q", "num_thinking_steps": .integer(Int64(steps)), "models": ["a"]])
        let duties = result["models"]?.array?.first?["thinking"]?.array?.compactMap { $0["duty"]?.string } ?? []
        #expect(duties.count == steps - 1 && Set(duties).count == duties.count)
        #expect(models.requests.last?.lastWords.contains("Now answer the question") == true)
    }

    @Test(arguments: [2, 11]) func otherNumbersAreRefused(steps: Int64) async throws {
        await #expect(throws: JobFailure.self) {
            try await attempt(
                think(PanelModel { _ throws(JobFailure) in "t" }), ["question": "q", "num_thinking_steps": .integer(steps)])
        }
    }
}
