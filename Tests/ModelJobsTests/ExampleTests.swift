import JobDesk
import JobModel
import Synchronization
import TestServers
import Testing

/// The nine usage examples that the system was asked for in, replayed over HTTP with a real worker. The tools of the examples are routes here:
/// query-models and analyze-with-thinking are kinds, get-job-progress and get-job-result read `/api/jobs/{id}`, list-jobs is `/api/jobs`,
/// manage-conversation is `/conversations`.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ExampleTests {
    @Test func example1BasicQueryWithProgressTracking() async throws {
        let hold = Hold("qwen3", "mistral")
        let standIn = StandInOllama(StandInModel.panel) { await hold.pass($0) }
        try await ModelSystem.run(standIn) { system in
            let question = "What are the best practices for designing scalable APIs?"
            let answer = try await system.send("POST", "/jobs", ["kind": "query_models", "input": ["question": .string(question)]])
            #expect(answer.status == 202 && answer.json["status"] == "queued" && answer.json["estimated_seconds"] == 30)
            let id = try #require(answer.jobID)
            try await system.told("llama3.2 has answered", by: id)
            let running = try await system.get("/api/jobs/\(id)")
            #expect(
                running["status"] == "running" && running["progress"]?["percent"] == 35 && running["title"] == .string("Query: \(question)")
            )
            #expect(running["progress"]?["elapsed_seconds"]?.number != nil && running["progress"]?["remaining_seconds"]?.number != nil)
            #expect(running["result_data"] == .null && running["input_data"]?["question"] == .string(question))
            hold.letGo()
            let done = try await system.ended(id)
            #expect(done["status"] == "completed" && done["progress"]?["percent"] == 100 && done["error_message"] == .null)
            let answers = try await system.get("/jobs/\(id)/result")["answers"]?.array ?? []
            #expect(answers.map { $0["model"]?.string } == ModelSystem.panel)
            #expect(answers.allSatisfy { $0["answer"]?.string?.hasSuffix("on: \(question)") == true && $0["provider"] == "ollama" })
        }
    }

    @Test func example2SequentialThinkingAnalysis() async throws {
        let standIn = StandInOllama(StandInModel.panel)
        try await ModelSystem.run(standIn) { system in
            #expect(try await system.send("POST", "/api/models/queue/stop").json["processorActive"] == false)
            let input: JSONValue = [
                "question": "How would you design a distributed database system?", "num_thinking_steps": 7,
                "session_id": "design_discussion",
            ]
            let answer = try await system.send("POST", "/jobs", ["kind": "thinking", "input": input])
            #expect(answer.json["estimated_seconds"] == 42)
            let id = try #require(answer.jobID)
            let pending = try await system.get("/api/jobs/\(id)")
            #expect(pending["status"] == "pending" && pending["progress"]?["percent"] == 0 && pending["queuePosition"] == 1)
            #expect(try await system.send("POST", "/api/models/queue/start").json["paused"] == false)
            let done = try await system.ended(id)
            #expect(done["status"] == "completed" && done["session_id"] == "design_discussion")
            let models = done["result_data"]?["models"]?.array ?? []
            #expect(models.map { $0["model"]?.string } == ModelSystem.panel && models.allSatisfy { $0["thinking"]?.array?.count == 6 })
            #expect(models.map { $0["thinks_natively"] } == [false, true, false] && models[1]["native_thinking"] == "hm, hm")
            #expect(standIn.questions.count == 21)
            let kept = try await system.get("/conversations/design_discussion")
            #expect(kept["messages"]?.array?.map { $0["role"] } == ["user", "assistant", "assistant", "assistant"])
        }
    }

    @Test func example3ContinuingAConversation() async throws {
        let standIn = StandInOllama(StandInModel.panel)
        try await ModelSystem.run(standIn) { system in
            // Both at once: the second waits for the first, because they are of one session.
            let first = try await system.submit("query_models", ["question": "What is machine learning?", "session_id": "ml_discussion"])
            let second = try await system.submit(
                "query_models",
                [
                    "question": "How is deep learning different from traditional ML?", "session_id": "ml_discussion",
                    "include_history": true,
                ])
            #expect(try await system.ended(second)["status"] == "completed")
            #expect(try await system.get("/api/jobs/\(first)")["status"] == "completed")
            for question in standIn.questions.suffix(3) {
                #expect(
                    question.messages.map(\.content) == [
                        "What is machine learning?", "\(question.model) on: What is machine learning?",
                        "How is deep learning different from traditional ML?",
                    ])
            }
            #expect(try await system.get("/conversations/ml_discussion")["message_count"] == 8)
        }
    }

    @Test func example4BatchProgressPolling() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            var ids: [JobID] = []
            for name in ["React", "Vue", "Angular"] {
                ids.append(try await system.submit("query_models", ["question": .string("What is \(name)?")]))
            }
            for id in ids { #expect(try await system.ended(id)["result_data"]?["answered"] == 3) }
        }
    }

    @Test func example5TimeoutAndModelsThatAreAway() async throws {
        var models = StandInModel.panel
        models[2].behaviour = .hangs
        try await ModelSystem.run(StandInOllama(models)) { system in
            let late = try await system.submit("query_models", ["question": "…"], ["timeout": 1])
            let failed = try await system.ended(late)
            #expect(failed["status"] == "failed" && failed["error_message"] == "Timeout after 1000ms")
            #expect(failed["error"] == ["message": "Timeout after 1000ms", "type": "timeout"])
            #expect(failed["progress"]?["percent"] == 65)
            let result = try await system.send("GET", "/jobs/\(late)/result")
            #expect(result.status == 409 && result.json["detail"]?.string?.contains("Timeout after 1000ms") == true)
        }
        // Nobody listens there.
        try await ModelSystem.run(StandInOllama(), address: "http://127.0.0.1:1") { system in
            let down = try await system.submit("query_models", ["question": "…"])
            let refused = try await system.ended(down)
            #expect(refused["status"] == "failed")
            #expect(refused["error_message"] == "Could not connect to Ollama (connection refused)")
        }
    }

    @Test func example6ListAndCancel() async throws {
        let hold = Hold("mistral")
        try await ModelSystem.run(StandInOllama(StandInModel.panel) { await hold.pass($0) }, slots: 3) { system in
            let quick: JSONValue = ["question": "q", "models": ["llama3.2"]]
            for _ in 0..<2 { try await system.ended(system.submit("query_models", quick)) }
            let stuck = try await system.submit("query_models", ["question": "q", "models": ["mistral"]])
            try await system.told("asking mistral", by: stuck)
            let list = try await system.get("/api/jobs")
            #expect(
                list["statistics"] == [
                    "total": 3, "pending": 0, "running": 1, "completed": 2, "failed": 0, "cancelled": 0, "maxConcurrent": 3,
                ])
            #expect(list["jobs"]?.array?.map { $0["status"] } == ["running", "completed", "completed"])
            #expect(try await system.get("/api/jobs?status=pending,running&type=query_models")["count"] == 1)
            #expect(try await system.send("GET", "/api/jobs?status=queued").status == 422)
            let cancelled = try await system.send("POST", "/api/jobs/\(stuck)/cancel")
            #expect(cancelled.status == 200 || cancelled.status == 202)
            let end = try await system.ended(stuck)
            #expect(end["status"] == "cancelled" && end["cancelled_at"]?.string != nil)
            let info = try await system.get("/api/models/queue")
            #expect(info["cancelled"] == 1 && info["running"] == 0 && info["processorActive"] == true && info["maxConcurrent"] == 3)
            hold.letGo()
        }
    }

    @Test func example7SystemMonitoring() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            for _ in 0..<2 { try await system.ended(system.submit("query_models", ["question": "q"])) }
            let health = try await system.get("/health")
            let statistics = health["components"]?["jobQueue"]?["statistics"]
            #expect(statistics?["total"] == 2 && statistics?["completed"] == 2 && statistics?["running"] == 0)
        }
    }

    @Test func example8CustomSystemPrompts() async throws {
        let standIn = StandInOllama(StandInModel.panel)
        try await ModelSystem.run(standIn) { system in
            let prompt = "You are a mobile app architect with 10+ years experience"
            let answer = try await system.send(
                "POST", "/jobs",
                [
                    "kind": "thinking",
                    "input": [
                        "question": "Design a mobile app architecture", "system_prompt": .string(prompt), "num_thinking_steps": 8,
                        "enable_thinking": true,
                    ],
                ])
            #expect(answer.json["estimated_seconds"] == 48)
            let done = try await system.ended(try #require(answer.jobID))
            #expect(done["result_data"]?["models"]?.array?.allSatisfy { $0["answer"]?.string?.isEmpty == false } == true)
            #expect(standIn.questions.allSatisfy { $0.messages.first?.content.hasPrefix(prompt) == true })
            #expect(standIn.questions.allSatisfy { $0.thinks == ($0.model == "qwen3") } && standIn.questions.count == 24)
        }
    }

    @Test func example9SessionManagement() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            for session in ["session_design_discuss", "session_ml_101"] {
                try await system.ended(system.submit("query_models", ["question": "q"], ["session_id": .string(session)]))
            }
            let list = try await system.get("/conversations")
            #expect(list["conversations"]?.array?.map { $0["session_id"] } == ["session_ml_101", "session_design_discuss"])
            #expect(list["conversations"]?.array?.allSatisfy { $0["message_count"] == 4 } == true)
            let view = try await system.get("/conversations/session_design_discuss")
            #expect(view["messages"]?.array?.compactMap { $0["model"]?.string } == ModelSystem.panel)
            #expect(try await system.send("DELETE", "/conversations/session_ml_101").json["deleted_messages"] == 4)
            #expect(try await system.send("GET", "/conversations/session_ml_101").status == 404)
        }
    }

    @Test func aSessionThatIsNamedTwiceMustBeTheSame() async throws {
        try await ModelSystem.run(StandInOllama(StandInModel.panel)) { system in
            let refused = try await system.send(
                "POST", "/jobs", ["kind": "query_models", "session_id": "a", "input": ["question": "q", "session_id": "b"]])
            #expect(refused.status == 422 || refused.status == 400)
            #expect(refused.json["errors"]?.array?.first?["pointer"] == "#/input/session_id")
        }
    }
}
