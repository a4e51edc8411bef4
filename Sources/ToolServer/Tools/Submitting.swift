internal import JobModel

/// What every tool that submits a job takes beside the job's input, and how it submits.
enum SubmissionFields {
    static let fields: [InputShape.Field] = [
        .init("priority", .choice(JobPriority.allCases.map(\.rawValue)), standard: "medium", "order in the queue"),
        .init("title", .text(maxLength: 300), "a name for people"),
        .init("subject", .text(maxLength: 200), "what the job is about; lists can be filtered by it"),
        .init("session_id", .text(maxLength: 200), "the session it belongs to"),
        .init("tags", .texts(maxCount: 20, maxLength: 100), "words to find it by"),
        .init("metadata", .object, "anything that should come back with the job"),
        .init("delay", .number(0...31_622_400), "seconds from now until it may start"),
        .init("timeout", .number(1...86_400), "seconds an attempt may take"),
        .init("max_attempts", .integer(1...100), "attempts before it fails for good"),
        .init("concurrency_key", .text(maxLength: 200), "jobs of one key take turns with those of others"),
        .init("idempotency_key", .text(maxLength: 255), "repeat a call with the same key, and it answers with the same job"),
        WaitField.field,
    ]

    /// Those that are members of `POST /jobs`; the others are for the call.
    static let members = Set(fields.map(\.name)).subtracting(["idempotency_key", WaitField.name])
    static let names = Set(fields.map(\.name))

    static let schemas = Dictionary(fields.map { ($0.name, $0.schema) }, uniquingKeysWith: { first, _ in first })
}

/// The words that one kind's tool has of its own.
struct KindWords: Sendable {
    let kind: String
    let tool: String
    let title: String
    let description: String
    /// The kind's fields that the tool calls otherwise: by the kind's name, the tool's.
    var renamed: [String: String] = [:]
    var aliases: [String: String] = [:]
    /// What is told first when the job was submitted.
    let opening: @Sendable ([String: JSONValue]) -> String

    func field(_ argument: String) -> String { renamed.first { $0.value == argument }?.key ?? argument }
}

extension KindWords {
    static let job = [
        "For work of other kinds, or with options that other tools do not have, submit_job takes any kind.",
        "The call returns at once with a job id: follow it by get_job_progress, and fetch what came of it by get_job_result.",
    ].joined(separator: " ")

    /// A kind without words of its own: its tool is named after it.
    static func plain(_ kind: KindInfo) -> KindWords {
        KindWords(
            kind: kind.name, tool: kind.name, title: Self.people(kind.name),
            description:
                "\(kind.summary.prefix(1).uppercased())\(kind.summary.dropFirst()). Submits a job of kind \(kind.name). \(followUp)",
            opening: { _ in "\(Self.people(kind.name)) queued for processing" })
    }

    static let followUp =
        "Returns at once with a job id; call get_job_progress with it to see how far it is, and get_job_result for the result. "
        + "With wait_seconds the call waits for the result itself."

    /// web_crawl is Web crawl.
    private static func people(_ name: String) -> String {
        let words = name.replacing("_", with: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    func tool(_ info: KindInfo) -> Tool {
        Tool(
            name: tool, title: title, description: description, input: ArgumentShape(schema: schema(info), aliases: aliases),
            output: Submitted.schema, nature: .submit(reachesOut: true), inputs: { _, _ in info.fieldsLikeOptions }
        ) { call throws(ToolFault) in
            let input = call.arguments.filter { info.takes(field($0.key)) }
            let renamed = Dictionary(input.map { (field($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
            do throws(ToolFault) {
                return try await call.submit(kind, input: .object(renamed), besides: Set(input.keys), opening: opening(call.arguments))
            } catch { throw error.renaming { inCallersWords($0) } }
        }
    }

    /// The kind's own fields win over options of the same name.
    private func schema(_ info: KindInfo) -> JSONValue {
        var properties = SubmissionFields.schemas
        for (name, field) in info.fields { properties[renamed[name] ?? name] = field }
        var schema = info.schema.object ?? [:]
        schema["properties"] = .object(properties)
        schema["type"] = "object"
        guard !renamed.isEmpty else { return .object(schema) }
        schema["required"] = schema["required"].map { names($0) }
        schema["anyOf"] = schema["anyOf"]?.array.map { .array($0.map { ["required": names($0["required"] ?? [])] }) }
        return .object(schema)
    }

    private func names(_ list: JSONValue) -> JSONValue {
        .array((list.array ?? []).compactMap(\.string).map { .string(renamed[$0] ?? $0) })
    }

    private func inCallersWords(_ pointer: String) -> String {
        guard pointer.hasPrefix("#/input/") else { return pointer }
        var parts = pointer.dropFirst("#/input/".count).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        parts[0] = renamed[parts[0]] ?? parts[0]
        return "#/" + parts.joined(separator: "/")
    }
}

/// What a submission is answered with.
enum Submitted {
    static let schema: JSONValue = [
        "type": "object", "required": ["job_id", "status", "message", "track_url"],
        "properties": [
            "job_id": ["type": "string"], "kind": ["type": "string"],
            "status": [
                "type": "string", "description": "queued, scheduled or processing; once it has ended: completed, failed or cancelled",
            ],
            "message": ["type": "string"], "status_url": ["type": "string"], "track_url": ["type": "string"],
            "events_url": ["type": "string"],
            "estimated_time": ["type": "string"], "estimated_seconds": ["type": "number"], "queue_position": ["type": "integer"],
            "result": ["type": "object"], "error": ["type": "string"],
        ],
    ]

    private static let shown = [
        "job_id", "kind", "status", "status_url", "track_url", "events_url", "estimated_time", "estimated_seconds", "queue_position",
        "created_at",
    ]

    static func answer(_ receipt: JSONValue, opening: String, isReplay: Bool) -> ToolAnswer {
        let id = receipt["job_id"]?.string ?? ""
        let state = receipt["status"]?.string ?? "queued"
        let word = JobView.word(state)
        var lines = [opening, "", "Job ID: \(id)", "Status: \(word.prefix(1).uppercased() + word.dropFirst())"]
        if let seconds = receipt["estimated_seconds"]?.number { lines.append("Estimated Time: ~\(Spelling.oneDecimal(seconds))s") }
        if let place = receipt["queue_position"]?.integer { lines.append("Queue Position: \(place)") }
        if isReplay { lines.append("This is the job of an earlier call: nothing new was submitted.") }
        lines += ["", JobView(document: ["job_id": .string(id), "status": .string(state)]).next]
        var content = (receipt.object ?? [:]).filter { shown.contains($0.key) }
        content["message"] = .string(opening)
        content["track_url"] = .string("/jobs/\(id)")
        var answer = ToolAnswer(lines.joined(separator: "\n"), content)
        answer.submitted = id
        return answer
    }
}

extension ToolCall {
    /// Submits and, where the caller wants to wait, waits. `besides` are arguments that are part of the input, not options.
    func submit(_ kind: String, input: JSONValue, besides: Set<String> = [], opening: String) async throws(ToolFault) -> ToolAnswer {
        var call = self
        call.arguments = arguments.filter { !besides.contains($0.key) }
        return try await call.submit(kind, input, opening)
    }

    private func submit(_ kind: String, _ input: JSONValue, _ opening: String) async throws(ToolFault) -> ToolAnswer {
        let options = arguments.filter { SubmissionFields.members.contains($0.key) }
        let body = options.merging(["kind": .string(kind), "input": input]) { $1 }
        var request = DoorRequest("POST", "jobs", body: .object(body))
        request.headers["Idempotency-Key"] = text("idempotency_key")
        request.headers["traceparent"] = traceparent
        let answer = try await ask(request)
        let isReplay = answer.headers["idempotency-replayed"] != nil || answer.headers["unique-replayed"] != nil
        var receipt = Submitted.answer(answer.body, opening: opening, isReplay: isReplay)
        receipt.retryAfter = answer.headers["retry-after"]
        guard waitSeconds > 0, let id = receipt.submitted else { return receipt }
        let job: JobView
        do throws(ToolFault) { job = try await waited(id) } catch {
            // The job is there, whatever the waiting came to.
            return receipt.adding("It could not be waited for. \(error.text)")
        }
        var content = receipt.content.filter { $0.key != "queue_position" }
        content["status"] = .string(job.state)
        guard job.hasEnded else {
            var answer = ToolAnswer("\(opening)\n\n\(job.progressText)", content)
            answer.submitted = id
            answer.retryAfter = receipt.retryAfter
            return answer
        }
        let result = ResultText.answer(job)
        var end = ToolAnswer("Job ID: \(id)\n\n\(result.text)", content.merging(result.content) { $1 })
        end.isError = result.isError
        end.submitted = id
        return end
    }
}
