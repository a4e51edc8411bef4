internal import JobModel

/// Tools for the system as a whole: its health, its queues, and the answers that it keeps.
enum MonitorTools {
    static let tools = [health, queueInfo, cache, feedback]

    private static let health = Tool(
        name: "health_check", title: "Health of the system",
        description:
            "The state of every part: Redis, PostgreSQL, workers, model servers and the job queue. Call it when jobs stay pending.",
        input: ArgumentShape([]),
        output: [
            "type": "object", "required": ["status", "components"],
            "properties": [
                "status": ["type": "string", "enum": ["healthy", "degraded", "unhealthy"]], "components": ["type": "object"],
                "queues": ["type": "array"], "version": ["type": "string"],
            ],
        ], nature: .look
    ) { call throws(ToolFault) in
        let document = try await call.get("health")
        var shown = document.object ?? [:]
        shown["duties"] = nil
        let advice =
            document["status"] == "healthy"
            ? "Everything works." : "Next: get_queue_info() shows which queues have no worker, or are paused."
        return ToolAnswer(Spelling.pretty(.object(shown)) + "\n\n" + advice, shown)
    }

    private static let queueInfo = Tool(
        name: "get_queue_info", title: "How the queues stand",
        description: "How many jobs of each queue wait, run and have ended, whether a queue is paused, and whether workers take from it.",
        input: ArgumentShape([.init("queue", .text(maxLength: 100), "only this queue")]),
        output: [
            "type": "object", "required": ["queues"],
            "properties": [
                "queues": ["type": "array", "items": ["type": "object"]], "pending": ["type": "integer"], "running": ["type": "integer"],
                "completed": ["type": "integer"], "failed": ["type": "integer"], "maxConcurrent": ["type": "integer"],
                "processorActive": ["type": "boolean"], "cacheSize": ["type": ["integer", "null"]],
            ],
        ], nature: .look, run: showQueues)

    @Sendable private static func showQueues(_ call: ToolCall) async throws(ToolFault) -> ToolAnswer {
        if let name = call.text("queue") {
            let queue = try await call.get("queues", name)
            return ToolAnswer(line(queue), ["queues": [queue]])
        }
        let models = try await call.get("api", "models", "queue")
        let queues = try await call.get("queues")["queues"]?.array ?? []
        let counts = ["pending", "running", "completed", "failed", "cancelled", "maxConcurrent", "cacheSize"]
        var lines = ["Model queue"] + counts.map { "- \($0): \(models[$0]?.serialized ?? "0")" }
        lines.append("- processorActive: \(models["processorActive"]?.serialized ?? "false")")
        lines += ["", "Queues"] + queues.map(line)
        if models["processorActive"] == false {
            lines += ["", "No model job starts now: the queue is paused, or no worker takes from it."]
        }
        return ToolAnswer(lines.joined(separator: "\n"), (models.object ?? [:]).merging(["queues": .array(queues)]) { $1 })
    }

    private static func line(_ queue: JSONValue) -> String {
        let count = { (name: String) in String(queue[name]?.integer ?? 0) }
        return
            "- \(queue["queue"]?.string ?? ""): \(count("waiting")) waiting, \(count("running")) running, \(count("completed")) completed, "
            + "\(count("failed")) failed\(queue["paused"] == true ? " (paused)" : "")"
    }

    /// The seeds' lines of statistics.
    static func lines(_ statistics: JSONValue) -> [String] {
        let names = [
            ("total", "Total Jobs"), ("pending", "Pending"), ("running", "Running"), ("completed", "Completed"), ("failed", "Failed"),
            ("cancelled", "Cancelled"), ("maxConcurrent", "Max Concurrent"),
        ]
        return names.map { "- \($0.1): \(statistics[$0.0]?.integer ?? 0)" }
    }

    private static let cache = Tool(
        name: "manage_cache", title: "Kept answers of models",
        description:
            "The cache of models' answers: stats tells what is kept and how often it helped, performance-analysis how the models do, "
            + "clear removes answers (all of them, or those of a model or kind).",
        input: ArgumentShape(
            [
                .init("action", .choice(["stats", "clear", "performance-analysis"]), required: true, "what to do"),
                .init("model", .text(maxLength: 200), "only of this model"), .init("kind", .text(maxLength: 100), "only of this kind"),
            ], aliases: ["model_name": "model", "job_type": "kind"]),
        output: ["type": "object", "properties": ["action": ["type": "string"]], "required": ["action"]],
        nature: .change(destroys: true, repeats: true)
    ) { call throws(ToolFault) in
        let action = call.text("action") ?? "stats"
        let filter = [("model", call.text("model")), ("kind", call.text("kind"))]
        switch action {
        case "clear":
            var request = DoorRequest("DELETE", "cache")
            request.query = filter.compactMap { name, value in value.map { (name: name, value: $0) } }
            let gone = try await call.ask(request).body
            return Self.said("✓ Cleared \(gone["cleared_entries"]?.integer ?? 0) kept answers", action, gone)
        case "stats":
            let stats = try await call.get("cache")
            return Self.said(Spelling.pretty(stats), action, stats)
        default:
            let performance = try await call.get("cache", "performance", query: filter)
            return Self.said(Spelling.pretty(performance), action, performance)
        }
    }

    private static func said(_ text: String, _ action: String, _ document: JSONValue) -> ToolAnswer {
        ToolAnswer(text, (document.object ?? [:]).merging(["action": .string(action)]) { $1 })
    }

    private static let feedback = Tool(
        name: "submit_feedback", title: "Say what an answer was worth",
        description:
            "Tell how good a model's answer was, from -1 (terrible) to 1 (excellent): models are chosen by it, and an answer with a "
            + "score below 0 leaves the cache. Name the job, or model, kind and prompt.",
        input: ArgumentShape(
            [
                .init("score", .number(-1...1), required: true, "-1 (terrible) to 1 (excellent)"),
                .init("job_id", .text(maxLength: 100), "the job whose answer is meant"),
                .init("model", .text(maxLength: 200), "the model that answered; without job_id"),
                .init("kind", .text(maxLength: 100), "what it was asked for, as in generate; without job_id"),
                .init("prompt", .text(maxLength: 900_000), "what it was asked"), .init("reason", .text(maxLength: 2000), "why"),
                .init("task_category", .text(maxLength: 100), "what sort of task it was"),
            ], aliases: ["model_name": "model", "job_type": "kind", "id": "job_id"]),
        output: [
            "type": "object", "required": ["feedback_id", "message"],
            "properties": ["feedback_id": ["type": "string"], "message": ["type": "string"], "model": ["type": "string"]],
        ], nature: .change(destroys: false, repeats: true)
    ) { call throws(ToolFault) in
        let receipt = try await call.ask(DoorRequest("POST", "feedback", body: .object(call.arguments))).body
        let score = receipt["score"].map(\.serialized) ?? ""
        return ToolAnswer(
            "✓ \(receipt["message"]?.string ?? "Feedback submitted"): \(score) for \(receipt["model"]?.string ?? "")", receipt.object ?? [:]
        )
    }
}

extension ToolCall {
    /// The counts of all jobs.
    func statistics() async throws(ToolFault) -> JSONValue {
        try await get("health")["components"]?["jobQueue"]?["statistics"] ?? [:]
    }
}
