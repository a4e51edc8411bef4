internal import JobModel

/// What a job returned, as a model reads it; and as programs get it, if it is not too large to be sent twice.
enum ResultText {
    /// Clients refuse events over 1 MiB; the result stands in an answer as text and as structure.
    static let maxStructureBytes = 300_000
    static let maxTextBytes = 200_000

    static let schema: JSONValue = [
        "type": "object", "required": ["job_id", "status", "finished"],
        "properties": [
            "job_id": ["type": "string"], "kind": ["type": "string"], "status": ["type": "string"], "finished": ["type": "boolean"],
            "progress": ["type": "number"], "result": ["type": "object"], "result_omitted": ["type": "boolean"],
            "result_url": ["type": "string"], "error": ["type": "string"],
        ],
    ]

    static func answer(_ job: JobView) -> ToolAnswer {
        var content: [String: JSONValue] = [
            "job_id": .string(job.id), "kind": .string(job.kind), "status": .string(job.state), "finished": .boolean(job.hasEnded),
            "progress": .number(job.percent),
        ]
        switch job.state {
        case "completed":
            let result = job.document["result"] ?? [:]
            if result.bytes.count <= maxStructureBytes { content["result"] = result } else { content["result_omitted"] = true }
            content["result_url"] = .string("/jobs/\(job.id)/result")
            return ToolAnswer(text(of: result, kind: job.kind, job.id), content)
        case "failed", "cancelled":
            content["error"] = .string(job.error)
            let sentence = job.state == "failed" ? "❌ Job failed with error: \(job.error)" : "🚫 Job was cancelled: \(job.error)"
            var answer = ToolAnswer(sentence + "\n\n" + job.next, content)
            answer.isError = true
            return answer
        default:
            return ToolAnswer("⏳ The job has not ended yet.\n\n" + job.progressText, content)
        }
    }

    private static func text(of result: JSONValue, kind: String, _ id: String) -> String {
        let whole =
            switch kind {
            case "query_models": answers(result)
            case "thinking": thoughts(result)
            case "generate", "chat": result["text"]?.string ?? Spelling.pretty(result)
            default: Spelling.pretty(result)
            }
        let (text, isCut) = Spelling.beginning(whole, of: maxTextBytes)
        return isCut ? text + "\n\n… (cut off here: the whole result is at GET /jobs/\(id)/result)" : text
    }

    private static func answers(_ result: JSONValue) -> String {
        let answers = (result["answers"]?.array ?? []).map { "## \(name($0))\n\n\($0["answer"]?.string ?? "")" }
        return (answers + failures(result)).joined(separator: "\n\n")
    }

    private static func thoughts(_ result: JSONValue) -> String {
        let models = (result["models"]?.array ?? []).map { model in
            let steps = (model["thinking"]?.array ?? []).map { step in
                "### Step \(step["step"]?.integer ?? 0): \(step["duty"]?.string ?? "")\n\n\(step["thought"]?.string ?? "")"
            }
            return (["## \(name(model))"] + steps + ["### Answer\n\n\(model["answer"]?.string ?? "")"]).joined(separator: "\n\n")
        }
        return (models + failures(result)).joined(separator: "\n\n")
    }

    private static func name(_ answer: JSONValue) -> String {
        let seconds = answer["duration_ms"]?.number.map { " (\(Spelling.oneDecimal($0 / 1000))s)" } ?? ""
        return (answer["model"]?.string ?? "model") + seconds
    }

    private static func failures(_ result: JSONValue) -> [String] {
        (result["failures"]?.array ?? []).map { "❌ \(name($0)) did not answer: \($0["error"]?.string ?? "")" }
    }
}
