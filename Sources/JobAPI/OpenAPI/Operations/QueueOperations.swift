internal import JobModel

// Queues, limits and workers.
extension Operation {
    static let queues: [Operation] = [
        Operation(
            "POST /queues/{queue}/pause", "pauseQueue", .queues,
            "It takes jobs and starts none; what runs goes on. May be repeated: the first pause keeps its time and name.",
            body: .optional("Pause", eg: ["by": "ada"]), [.ok("PausedQueue", "It is paused.")], problems: ["unknown-queue"]),
        Operation(
            "POST /queues/{queue}/resume", "resumeQueue", .queues, "May be repeated.", [.ok("PausedQueue", "It is not paused.")],
            problems: ["unknown-queue"]),
        Operation("GET /limits", "listLimits", .queues, "Each as it was set.", [.ok("LimitList", "Every limit.")]),
        Operation(
            "PUT /limits/{scope}/{name}", "setLimit", .queues,
            "The body says everything of the limit: what it leaves out does not stay. `weight` is for keys.",
            body: .json("LimitSetting", eg: ["concurrency": 4, "rate": ["count": 10, "per_seconds": 60]]), [.ok("Limit", "It is set.")],
            problems: ["unknown-route", "unknown-queue", "404 unknown-kind", "too-many-limits"]),
        Operation(
            "DELETE /limits/{scope}/{name}", "removeLimit", .queues, "Jobs behind it go on.", [.empty(204, "It is gone.")],
            problems: ["unknown-route", "unknown-limit", "invalid-input"]),
        Operation("GET /queues", "listQueues", .queues, "Each as `GET /queues/{queue}` shows it.", [.ok("QueueList", "Every queue.")]),
        Operation(
            "GET /queues/{queue}", "readQueue", .queues, "Ends are counted since Redis began.", [.ok("Queue")], problems: ["unknown-queue"]),
        Operation(
            "GET /queues/{queue}/scaling", "readScaling", .queues,
            "`desired` workers do the backlog in the configured time, with no more slots than jobs, and never fewer than run. Needs Redis alone.",
            [.ok("Scaling")], problems: ["unknown-queue"]),
        Operation("GET /workers", "listWorkers", .queues, "The same as `GET /health/workers`.", [.ok("Workers")]),
    ]
}
