internal import JobModel

// Workers over HTTP, kinds of other programs, many jobs on one connection, search and tools.
extension Operation {
    static let work: [Operation] = [
        Operation(
            "POST /kinds", "registerKinds", .kinds,
            "All kinds of one program. Submissions are checked with their `input_schema`; the same registration may be repeated.",
            body: .json("KindRegistrations", eg: ["kinds": [["kind": "resize_image", "summary": "makes a picture smaller"]]]),
            [.ok("KindList", "They are known.")], problems: kindProblems),
        Operation(
            "DELETE /kinds/{kind}", "forgetKind", .kinds, "A registered kind without live jobs.", [.empty(204, "It is forgotten.")],
            problems: ["404 unknown-kind", "kind-in-use"]),
        Operation(
            "POST /work/claim", "claimWork", .work,
            "Takes jobs of registered kinds, and waits for them up to `wait` seconds. `kinds` has names of kinds, or registrations.",
            body: .json("WorkClaim", eg: ["worker": "resizer", "kinds": ["resize_image"], "max": 2, "wait": 20]),
            [.ok("TakenJobs", "What was taken.")], problems: kindProblems + ["draining"]),
        Operation(
            "POST /work/{lease}/heartbeat", "beatWork", .work, "Who is silent for longer than a lease loses the job to another worker.",
            [.ok("WorkGoesOn", "Go on.")], problems: leaseProblems),
        Operation(
            "POST /work/{lease}/progress", "reportWork", .work, "Watchers see it at once; it is a heartbeat too.",
            body: .json("WorkReport", eg: ["progress": 40, "step": "resize", "message": "picture 4 of 10"]), [.ok("WorkGoesOn", "Go on.")],
            problems: leaseProblems),
        Operation(
            "POST /work/{lease}/settle", "settleWork", .work, "Ends the attempt, once. `released` puts the job back without a charge.",
            body: .json("WorkSettlement", eg: ["status": "completed", "result": ["pictures": 10]]), [.ok("WorkSettled", "It is kept.")],
            problems: leaseProblems),
        Operation(
            "GET /work/{lease}/steps/{step}", "readStep", .work, "What an earlier attempt has finished need not be done again.",
            [.ok("StepResult", "It was finished.")], problems: leaseProblems + ["unknown-step"]),
        Operation(
            "PUT /work/{lease}/steps/{step}", "storeStep", .work, "At most 256 KiB a step.",
            body: .json("StepFinished", eg: ["result": ["width": 640]]),
            [.empty(204, "It is kept.")], problems: leaseProblems + ["unknown-step", "too-many-steps"]),
        Operation(
            "POST /workers/{name}/drain", "drainWorker", .queues, "It takes no more jobs, finishes what it runs, and leaves.",
            [.accepted("WorkerDrains", "It was told.", [])], problems: ["unknown-worker"]),
        Operation(
            "POST /search", "searchDocuments", .files, "By meaning: the query is embedded as documents were.",
            body: .json("Search", eg: ["query": "when is high water", "limit": 5]), [.ok("SearchResults", "What was found.")],
            problems: ["too-many-searches", "search-too-slow"]),
        Operation(
            "GET /events", "streamTopics", .jobs,
            """
            Server-sent events of 1 to 200 jobs on one connection. The id of an event says where the stream stands in every job: who reconnects \
            with `Last-Event-ID` misses nothing of any. Ends when all jobs have ended.
            """,
            query: [
                .text(
                    "topics", "`job:<id>` or `job:<id>@<seq>`, separated by commas.", most: 20_000,
                    eg: .string("job:\(AnswerShape.exampleID)")),
                .text("last_event_id", "As the header of that name."),
            ],
            headers: [Parameter("Last-Event-ID", .header, ["type": "string"], "Id of the last event that was seen.")],
            [
                .media([("text/event-stream", .string("id: 1f3a2b4c:2\nevent: progress\ndata: {}\n\n"))], "The events."),
                .empty(204, "All have ended."),
            ],
            problems: ["unknown-job", "too-many-streams"]),
        Operation(
            "GET /ws", "openSocket", .jobs,
            "A WebSocket (RFC 6455) for many jobs: `{\"type\": \"watch\", \"jobId\": …}`, see docs/events.md. Keys: `Authorization`, or the first message.",
            [.empty(101, "The connection is a WebSocket from here on.")],
            problems: [
                "upgrade-required", "draining", "too-many-streams", "missing-key", "wrong-key", "missing-scope", "too-many-wrong-keys",
                "quota-exceeded",
                "foreign-origin", "unavailable",
            ]),
        Operation(
            "POST /mcp", "speakMCP", .tools,
            "JSON-RPC 2.0 over streamable HTTP. An answer that takes long is a stream of events: progress first, the result last.",
            body: .other([
                "required": true,
                "content": [
                    "application/json": [
                        "schema": ["$ref": "#/components/schemas/MCPMessage"],
                        "example": ["jsonrpc": "2.0", "id": 1, "method": "tools/list"],
                    ]
                ],
            ]),
            [
                .json(200, "MCPMessage", "The answer.", or: "text/event-stream"), .empty(202, "A notification was taken."),
                .json(400, "MCPMessage", "The message is no MCP, or its era is not spoken here."),
                .json(404, "MCPMessage", "There is no such method."),
            ], problems: ["too-large", "wrong-content-type", "incomplete-body", "empty-body", "foreign-origin", "unknown-route"]),
        Operation(
            "POST /mcp/{tool}", "callTool", .tools,
            "The arguments of the tool as they are; camelCase and other spellings of names are understood.",
            body: .optional("ToolArguments", eg: ["status": "failed"]),
            [
                .json(200, "ToolResult", "What the tool answered."),
                .accepted("ToolResult", "Work was submitted that has not ended.", [.location, .retryAfter]),
            ],
            problems: ["unknown-route", "unknown-tool", "invalid-input"], asksOthers: true),
    ]

    private static let kindProblems = ["kind-taken", "queue-taken", "too-many-kinds", "kind-in-use"]
    private static let leaseProblems = ["unknown-lease", "lease-lost", "invalid-input"]
}
