internal import JobModel

// One job, from its status to its end.
extension Operation {
    static let followedJobs: [Operation] = [
        Operation(
            "GET /jobs/{id}", "readJob", .jobs,
            """
            The status document. Pollers send the `ETag` back and get 304 until something changed; `Prefer: wait=N` holds the answer until the \
            job's next event.
            """,
            headers: [.ifNoneMatch, .prefer],
            [
                .ok("Job", "As it is now.", [.eTag, .preferenceApplied]),
                .empty(304, "Nothing has changed since the `ETag` that was sent.", [.eTag]),
            ], problems: ofOneJob),
        Operation(
            "GET /jobs/{id}/result", "readResult", .jobs, "The result alone.", [.ok("JobResult", "What it returned.")],
            problems: ofOneJob + ["not-finished", "job-failed", "job-cancelled"]),
        Operation(
            "GET /jobs/{id}/events", "streamEvents", .jobs,
            """
            Server-sent events: what has happened, then what happens, until the job has ended. `id` is the event's number, `data` one line of \
            JSON (`JobEvent`). Who reconnects with `Last-Event-ID` misses nothing; who has seen the last event gets 204. `token` events bring a \
            model's words as it writes and have no number.
            """,
            query: [Parameter("last_event_id", .query, ["type": "string", "pattern": "^[0-9]{1,18}$"], "As the header of that name.")],
            headers: [.lastEventID],
            [
                .media([("text/event-stream", .string(stream))], "The events."),
                .empty(204, "The last event has been seen: do not come back."),
            ], problems: ofOneJob + ["too-many-streams"]),
        Operation(
            "GET /jobs/{id}/attempts", "readAttempts", .jobs, "Oldest first. A running attempt has no `outcome` yet.",
            [.ok("JobAttempts", "Its attempts.")], problems: ofOneJob),
        Operation(
            "GET /jobs/{id}/log", "readLog", .jobs, "The last 500 events, results included.", [.ok("JobLog", "Its events.")],
            problems: ofOneJob),
        Operation(
            "POST /jobs/{id}/cancel", "cancelJob", .jobs,
            "From any state but the ends. Who may only `submit` cancels what was submitted with the same key.",
            [
                .ok("Job", "It is cancelled.", [.location, .eTag]),
                .accepted("Job", "Its worker is being told, within a second.", [.location, .eTag]),
            ], problems: ofOneJob + ["already-ended"]),
        Operation(
            "POST /jobs/{id}/retry", "retryJob", .jobs,
            """
            A new series of attempts: their numbers go on, finished steps are kept. A job that lives already is answered as it is, so the request \
            may be repeated.
            """,
            [.accepted("Job", "It is queued again, or lives already.", [.location, .eTag])],
            problems: ofOneJob + ["not-retryable", "parents-not-ended", "unique-held", "full"]),
        Operation(
            "POST /jobs/{id}/promote", "promoteJob", .jobs, "A scheduled job, or a retry that waits for its pause, is queued now.",
            [.ok("Job", "It is queued.", [.eTag])], problems: ofOneJob + ["not-scheduled"]),
    ]

    private static let stream = """
        retry: 2000
        id: 1
        event: queued
        data: {"seq":1,"event":"queued","timestamp":"2026-11-21T08:49:28.851Z"}

        id: 2
        event: completed
        data: {"seq":2,"event":"completed","progress":100,"result":{"pages_crawled":5},"timestamp":"2026-11-21T08:50:10.020Z"}


        """
}
