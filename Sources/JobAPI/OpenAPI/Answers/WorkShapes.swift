internal import JobModel

// Workers over HTTP, the search of documents, and what is said to tools.
extension AnswerShape {
    static let work: [AnswerShape] = [
        AnswerShape(
            "TakenJobs", "Jobs that were taken; empty when there was none in time.",
            [
                .init("jobs", .list(.shape("TakenJob")), "The jobs."),
                .init(
                    "suspects_wait", .boolean, "Jobs whose worker died wait for one that runs nothing: finish what runs, then claim again."),
            ]),
        AnswerShape(
            "TakenJob", "A job that the caller runs now.",
            [
                .init(
                    "lease", .text, eg: "9f86d081884c7d659a2feaa0c55ad015.01a1fd4b-d913-7997-ab2f-7353d2c1dce1.1",
                    "What every further call names it by."),
                .init("job_id", .id, "The job."), .init("kind", .text, eg: "resize_image", "What it does."),
                .init("queue", .text, eg: "resize_image", "Where it waited."), .init("attempt", .whole, "Its number."),
                .init("max_attempts", .whole, eg: 3, "Attempts before it fails for good."),
                .init("input", .anything, eg: ["width": 640], "Its input, with defaults."),
                .init("metadata", .object, "What its submitter wants back."),
                .init("session_id", .orNull(.text), "The session it belongs to."),
                .init("timeout_seconds", .number, eg: 600, "Seconds the attempt may take."),
                .init("deadline", .time, "When they are over."),
                .init("heartbeat_seconds", .whole, eg: 5, "Say at least so often that it goes on."),
                .init("alone", .boolean, "A worker died with it before: run it away from others."),
            ]),
        AnswerShape(
            "WorkGoesOn", "The attempt is still the caller's.",
            [
                .init("status", .words(["processing"]), "Always this."),
                .init("cancel_requested", .boolean, "Stop, and settle as `cancelled`."),
            ]),
        AnswerShape(
            "WorkSettled", "How the attempt ended is kept.",
            [.init("status", .words(["settled"]), "Always this."), .init("job_id", .id, "The job.")]),
        AnswerShape(
            "StepResult", "What a step of an earlier attempt found.",
            [.init("result", .anything, eg: ["width": 640], "As it was kept.")]),
        AnswerShape(
            "WorkerDrains", "The worker was told.",
            [.init("worker", .text, eg: "w-3f9a", "The worker."), .init("status", .words(["draining"]), "Always this.")]),
        AnswerShape(
            "SearchResults", "Chunks that are nearest to the query, best first.",
            [
                .init("query", .text, eg: "when is high water", "What was looked for."),
                .init("model", .text, eg: "all-minilm", "What compared."),
                .init("count", .whole, "How many."), .init("results", .list(.shape("SearchResult")), "The chunks."),
            ]),
        AnswerShape(
            "SearchResult", "A chunk of an ingested document.",
            [
                .init("score", .number, eg: 0.83, "How near it is; 1 is the same."),
                .init("text", .text, eg: "High water comes twice a day.", "The chunk."),
                .init("source", .text, eg: "https://example.com/tides", "Where the document came from."),
                .init("title", .text, eg: "Tides", "The document's title."), .init("chunk", .whole, eg: 0, "Its place in the document."),
                .init("document_id", .text, eg: .string(exampleID), "The document."),
                .init("job_id", .orNull(.id), "The job that ingested it."),
                .init("ingested_at", .time, "When."),
            ]),
        AnswerShape(
            "MCPMessage", "A JSON-RPC 2.0 message of the Model Context Protocol.", isOpen: true,
            [.maybe("jsonrpc", .text, eg: "2.0", "The version.")]),
        AnswerShape("ToolResult", "What the tool answered: members depend on the tool (docs/mcp.md).", isOpen: true, []),
    ]
}
