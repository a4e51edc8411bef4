import JobKinds
import JobModel
import Synchronization
import TestServers
import Testing

@testable import JobAPI

/// Shut until it is opened; whoever comes later goes through.
private final class Door: Sendable {
    private let (stream, continuation) = AsyncStream<Void>.makeStream()

    func open() { continuation.finish() }
    func wait() async { for await _ in stream {} }
}

/// The guide to Ollama queues (seed 001), block by block, over HTTP with a real worker.
/// One after the other: each has a worker with all its duties.
@Suite(.serialized, .timeLimit(.minutes(2))) struct OllamaQueueTests {
    private static let models = [
        StandInModel("llama2"), StandInModel("codellama", reply: { "code for: \($0.text)" }), StandInModel("mistral"),
        .embedder("all-minilm"),
    ]

    // MARK: - Getting started

    @Test func theFirstJobIsSubmittedAndItsResultFetched() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            let submitted = try await working.submit([
                "modelName": "llama2", "jobType": "generate", "prompt": "Explain the benefits of TypeScript", "priority": "medium",
                "agent": "my-agent", "sessionID": "session-123",
            ])
            #expect(submitted.json["jobId"]?.string.flatMap { JobID($0) } != nil && submitted.json["jobId"] == submitted.json["job_id"])
            #expect(submitted.json["jobName"] == .null && submitted.json["status"] == "pending" && submitted.json["queuePosition"] == 1)
            let job = try await working.ended(submitted)
            #expect(job["status"] == "completed" && job["session_id"] == "session-123" && job["metadata"]?["agent"] == "my-agent")
            let id = try #require(submitted.json["jobId"]?.string)
            let result = try await working.api.get("/jobs/\(id)/result").json
            #expect(result["text"] == "llama2 heard: Explain the benefits of TypeScript" && result["model"] == "llama2")
        }
    }

    // MARK: - Job types

    @Test func generateChatAndEmbedding() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            let prompt = "Write a TypeScript function that validates email addresses"
            let generated = try await working.result([
                "modelName": "codellama", "jobType": "generate", "prompt": .string(prompt),
                "options": ["temperature": 0.3, "num_predict": 500],
            ])
            #expect(generated["text"] == .string("code for: \(prompt)") && generated["truncated"] == false)
            #expect(working.ollama.questions.last?.body["options"] == ["temperature": 0.3, "num_predict": 500])

            let chatted = try await working.result([
                "modelName": "llama2", "jobType": "chat",
                "messages": [
                    ["role": "system", "content": "You are a TypeScript expert. Provide clear, concise answers."],
                    ["role": "user", "content": "What is the difference between interface and type in TypeScript?"],
                ],
                "options": ["temperature": 0.5],
            ])
            let heard = "llama2 heard: What is the difference between interface and type in TypeScript?"
            #expect(chatted["message"] == ["role": "assistant", "content": .string(heard)])
            #expect(working.ollama.questions.last?.messages.map(\.role) == ["system", "user"])

            let embedded = try await working.result([
                "modelName": "all-minilm", "jobType": "embedding", "input": "TypeScript is a typed superset of JavaScript",
            ])
            #expect(embedded["dimension"] == 16 && embedded["embeddings"]?.array?.first?.array?.count == 16)
        }
    }

    // MARK: - Advanced usage

    @Test func aBatchOfPromptsIsSubmittedAndAwaited() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            var jobs: [RunningAPI.Answer] = []
            for concept in ["interfaces", "types", "generics", "decorators"] {
                let prompt = "Explain \(concept) in TypeScript with examples"
                jobs.append(
                    try await working.submit([
                        "modelName": "llama2", "jobType": "generate", "prompt": .string(prompt), "priority": "medium",
                    ]))
            }
            var texts: [String] = []
            for job in jobs { texts.append(try await working.ended(job)["result"]?["text"]?.string ?? "") }
            #expect(texts.first == "llama2 heard: Explain interfaces in TypeScript with examples" && texts.count == 4)
        }
    }

    @Test func urgentJobsGoFirst() async throws {
        try await WorkingAPI.run(Self.models, slots: 1) { (working) async throws in
            #expect(try await working.api.post("/queues/models/pause", [:]).status == 200)
            let low = try await working.submit([
                "modelName": "llama2", "jobType": "generate", "prompt": "Generate documentation for this module", "priority": "low",
            ])
            let urgent = try await working.submit([
                "jobName": "fix", "modelName": "llama2", "jobType": "generate", "prompt": "Fix this critical bug in production",
                "priority": "urgent",
            ])
            #expect(urgent.json["queuePosition"] == 1 && urgent.json["jobName"] == "fix")
            #expect(try await working.api.post("/queues/models/resume", [:]).status == 200)
            for job in [low, urgent] { #expect(try await working.ended(job)["status"] == "completed") }
            let order = working.ollama.questions.map(\.text)
            #expect(order == ["Fix this critical bug in production", "Generate documentation for this module"])
        }
    }

    @Test func aJobThatFailsSaysWhyAndTheFallbackModelAnswers() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            let failed = try await working.ended(working.submit(["modelName": "llama9", "jobType": "generate", "prompt": "x"]))
            #expect(
                failed["status"] == "failed" && failed["error"]?.string?.contains("model") == true
                    && failed["error_type"] == "model_not_found")
            #expect(try await working.result(["modelName": "mistral", "jobType": "generate", "prompt": "x"])["text"] == "mistral heard: x")
        }
    }

    @Test func aJobThatTakesTooLongSaysSo() async throws {
        try await WorkingAPI.run([StandInModel("llama2", .hangs)]) { (working) async throws in
            let job = try await working.ended(
                working.submit(["modelName": "llama2", "jobType": "generate", "prompt": "x", "timeout": 1, "max_attempts": 1]))
            #expect(job["status"] == "failed" && job["error"] == "Timeout after 1000ms" && job["error_type"] == "timeout")
        }
    }

    // MARK: - The same at the same time

    /// More equal jobs than slots: the one that asks has a slot already, so those that wait never keep it from ending.
    @Test func equalJobsAreAskedOnceAlsoWhenTheyFillEverySlot() async throws {
        let gate = Door()
        try await WorkingAPI.run(
            Self.models, slots: 3, at: { moment in if moment == .asked(model: "llama2") { await gate.wait() } }
        ) { (working) async throws in
            var jobs: [RunningAPI.Answer] = []
            for _ in 0..<12 { jobs.append(try await working.submit(["modelName": "llama2", "jobType": "generate", "prompt": "the same"])) }
            try await eventually { try await working.api.get("/queues/models").json["running"] == 3 }
            gate.open()
            var hits: [String] = []
            for job in jobs { hits.append(try await working.ended(job)["result"]?["cache"]?["hit"]?.string ?? "") }
            #expect(working.ollama.gauge.calls("llama2") == 1)
            #expect(hits.filter { $0 == "none" }.count == 1 && hits.filter { $0 == "exact" }.count == 11)
        }
    }

    @Test func whenTheJobThatAsksIsCancelledOneThatWaitsAsks() async throws {
        let gate = Door()
        try await WorkingAPI.run(
            Self.models, slots: 3, at: { moment in if moment == .asked(model: "llama2") { await gate.wait() } }
        ) { (working) async throws in
            let body: JSONValue = ["modelName": "llama2", "jobType": "generate", "prompt": "the same"]
            let first = try await working.submit(body)
            try await eventually { working.ollama.gauge.calls("llama2") == 1 }
            var others: [RunningAPI.Answer] = []
            for _ in 0..<4 { others.append(try await working.submit(body)) }
            try await eventually { try await working.api.get("/queues/models").json["running"] == 3 }
            let id = try #require(first.json["jobId"]?.string)
            #expect(try await working.api.post("/jobs/\(id)/cancel", [:]).status < 300)
            #expect(try await working.ended(first)["status"] == "cancelled")
            try await eventually { working.ollama.gauge.calls("llama2") == 2 }
            gate.open()
            for job in others { #expect(try await working.ended(job)["status"] == "completed") }
            #expect(working.ollama.gauge.calls("llama2") == 2)
        }
    }

    // MARK: - Cache and feedback

    @Test func theCacheTellsWhatItHoldsAndIsCleared() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            let api = working.api
            let ask: JSONValue = [
                "modelName": "llama2", "jobType": "generate", "prompt": "Explain TypeScript generics", "taskCategory": "documentation",
            ]
            #expect(try await api.get("/cache").json["hit_rate"] == .null)
            #expect(try await working.result(ask)["cache"]?["hit"] == "none")
            #expect(try await working.result(ask)["cache"]?["hit"] == "exact")
            let stats = try await api.get("/cache").json
            #expect(stats["entries"] == 1 && stats["hits"]?["exact"] == 1 && stats["hit_rate"] == .number(0.5))
            #expect(stats["models"]?.array?.first?["model"] == "llama2" && stats["models"]?.array?.first?["kind"] == "generate")

            let analysis = try await api.get("/cache/performance?kind=generate&task_category=documentation").json
            #expect(analysis["count"] == 1 && analysis["models"]?.array?.first?["answers"] == 1)
            #expect(analysis["routing"]?.array?.first?["chosen"] == "llama2" && analysis["routing"]?.array?.first?["kind"] == "generate")
            #expect(try await api.get("/cache/performance?model=mistral").json["count"] == 0)

            #expect(try await api.send("DELETE", "/cache?model=mistral").json["cleared_entries"] == 0)
            #expect(try await api.send("DELETE", "/cache").json == ["cleared_entries": 1, "complete": true])
            #expect(try await working.result(ask)["cache"]?["hit"] == "none")
            #expect(try await api.send("DELETE", "/cache?all=true").problem == "invalid-filter")
        }
    }

    @Test func feedbackIsTakenInTheWordsOfTheGuide() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            let api = working.api
            let given = try await api.post(
                "/feedback",
                [
                    "prompt": "Explain TypeScript generics", "modelName": "llama2:latest", "jobType": "generate", "score": 0.8,
                    "reason": "Clear explanation with good examples", "taskCategory": "documentation",
                ])
            #expect(given.status == 201 && given.json["model"] == "llama2" && given.json["task_category"] == "documentation")
            #expect(given.json["performance"]?["feedback"] == ["count": 1, "mean_score": .number(0.8)])

            // Of a job, nothing else need be said; a bad answer is not given again.
            let ask: JSONValue = ["modelName": "llama2", "jobType": "generate", "prompt": "x", "taskCategory": "documentation"]
            let job = try await working.ended(working.submit(ask))
            let bad = try await api.post("/feedback", ["jobId": job["job_id"] ?? .null, "score": -1])
            #expect(bad.status == 201 && bad.json["removed_from_cache"] == 1 && bad.json["kind"] == "generate")
            #expect(bad.json["performance"]?["feedback"]?["count"] == 2)
            let better = try await api.post("/feedback", ["job_id": job["job_id"] ?? .null, "score": 0.2])
            #expect(
                better.json["performance"]?["feedback"]?["count"] == 2
                    && better.json["performance"]?["feedback"]?["mean_score"] == .number(0.5))
            #expect(try await working.result(ask)["cache"]?["hit"] == "none")
        }
    }

    @Test func autoTakesWhatIsThoughtBest() async throws {
        try await WorkingAPI.run(Self.models) { (working) async throws in
            for (model, score) in [("codellama", 0.9), ("codellama", 1), ("codellama", 0.8), ("llama2", -0.5), ("mistral", -0.6)] {
                let feedback: JSONValue = [
                    "modelName": .string(model), "jobType": "generate", "score": .number(score), "taskCategory": "code-generation",
                ]
                #expect(try await working.api.post("/feedback", feedback).status == 201)
            }
            let ask: JSONValue = ["modelName": "auto", "jobType": "generate", "prompt": "sort", "taskCategory": "code-generation"]
            let result = try await working.result(ask)
            #expect(result["model"] == "codellama" && result["text"] == "code for: sort" && result["routing"]?["chosen"] == "codellama")
            #expect(result["routing"]?["candidates"]?.array?.compactMap { $0["model"]?.string }.contains("all-minilm") == false)
        }
    }

    // MARK: - What does not fit

    private func expect(_ path: String, _ cases: [(JSONValue, [String])]) async throws {
        try await withAPI(catalogue: JobCatalogue(EveryKind.kinds)) { (api) async throws in
            for (body, pointers) in cases {
                let answer = try await api.post(path, body)
                #expect(answer.status == 422 && answer.problem == "invalid-input", "\(body)")
                #expect(answer.json["errors"]?.array?.compactMap { $0["pointer"]?.string } == pointers, "\(answer.json)")
            }
        }
    }

    @Test func faultsPointToWhatTheCallerWrote() async throws {
        try await expect(
            "/api/models/jobs",
            [
                (["jobType": "dream", "modelName": "m"], ["#/jobType"]), (["modelName": "m"], ["#/kind"]),
                (["jobType": "generate"], ["#/prompt"]),
                (["jobType": "generate", "prompt": "x", "options": ["temprature": 1]], ["#/options/temprature"]),
                (["jobType": "generate", "prompt": "x", "priority": "now"], ["#/priority"]),
                (["jobType": "generate", "prompt": "x", "modelName": "a", "model": "b"], ["#/modelName"]),
                (["jobType": "generate", "prompt": "x", "modelName": ""], ["#/modelName"]),
                (["jobType": "generate", "prompt": "x", "input": "y"], ["#/input"]), (["jobType": "embedding", "input": 5], ["#/input"]),
                (["jobType": "chat", "messages": [["role": "boss", "content": "x"]]], ["#/messages/0/role"]),
                (["jobType": "generate", "prompt": "x", "jobName": 5], ["#/jobName"]),
                (["jobType": "generate", "prompt": "x", "colour": 5], ["#/colour"]),
            ])
    }

    @Test func feedbackThatDoesNotFitIsRefused() async throws {
        try await expect(
            "/feedback",
            [
                ([:], ["#/score"]), (["score": 2, "model": "m", "kind": "generate"], ["#/score"]), (["score": 0], ["#/model", "#/kind"]),
                (["score": 0, "modelName": "m", "jobType": "web_crawl"], ["#/jobType"]),
                (["score": 0, "modelName": "m", "jobType": "generate", "x": 1], ["#/x"]),
            ])
    }

    @Test func feedbackOnAJobWithoutAnAnswerIsRefused() async throws {
        try await withAPI(catalogue: JobCatalogue(EveryKind.kinds)) { (api) async throws in
            #expect(try await api.post("/feedback", ["score": 1, "job_id": .string(JobID().description)]).problem == "unknown-job")
            #expect(try await api.post("/feedback", ["score": 1, "job_id": "7"]).problem == "unknown-job")
            let job = try await api.post("/jobs", ["kind": "generate", "input": ["prompt": "x"]])
            let id = job.json["job_id"] ?? .null
            #expect(try await api.post("/feedback", ["score": 1, "job_id": id]).problem == "not-finished")
            _ = try await api.post("/jobs/\(id.string ?? "")/cancel", [:])
            #expect(try await api.post("/feedback", ["score": 1, "job_id": id]).problem == "job-cancelled")
        }
    }
}
