internal import JobModel

// Flows, and jobs that are made again and again.
extension Operation {
    private static let flowPage: [Parameter] = [.limit(1...1_000, 1_000), .cursor]

    static let flows: [Operation] = [
        Operation(
            "POST /flows", "submitFlow", .flows,
            """
            1 to 1,000 jobs that depend on each other without a circle, accepted whole or not at all. `depends_on` has names of jobs of this \
            flow; `on_parent_failure` says whether a job is cancelled (`cancel`) or run all the same (`run`).
            """,
            headers: [.idempotencyKey, .traceparent],
            body: .json(
                "FlowSubmission",
                eg: [
                    "name": "weekly digest",
                    "jobs": [
                        ["name": "left", "kind": "web_crawl", "input": ["url": "https://example.com/"]],
                        ["name": "right", "kind": "document", "input": ["uri": "https://example.com/a.pdf"], "depends_on": ["left"]],
                    ],
                ]),
            [.accepted("FlowReceipt", "Accepted.", [.location, .retryAfter, .idempotencyReplayed])],
            problems: ["422 unknown-kind", "full"]),
        Operation("GET /flows", "listFlows", .flows, "Newest first.", query: [.limit(1...100, 50), .cursor], [.ok("FlowList", "A page.")]),
        Operation(
            "GET /flows/{id}", "readFlow", .flows, "Its jobs come in pages, in the order of the request.", query: flowPage,
            [.ok("Flow")], problems: ["unknown-flow"]),
        Operation(
            "POST /flows/{id}/cancel", "cancelFlow", .flows, "Jobs that have not started end at once; those that run are told.",
            query: flowPage,
            [.ok("Flow", "None of its jobs runs.", [.location]), .accepted("Flow", "Jobs that run are being told.", [.location])],
            problems: ["unknown-flow", "already-ended"]),
    ]

    static let schedules: [Operation] = [
        Operation(
            "GET /schedules", "listSchedules", .schedules, "In the order of their making.",
            query: [.limit(1...500, 100), .cursor, .text("name", "The one of this name.", most: 200)], [.ok("ScheduleList", "A page.")]),
        Operation(
            "POST /schedules", "createSchedule", .schedules,
            """
            Each fire time makes one job. `expression` is cron's (five fields, six with seconds), `@daily` and its like, or `@every 90s`; \
            the other members are those of `POST /jobs`.
            """,
            body: .json(
                "ScheduleSubmission",
                eg: [
                    "name": "nightly", "expression": "30 2 * * MON-FRI", "time_zone": "Europe/Berlin", "kind": "web_crawl",
                    "input": ["url": "https://example.com/"],
                ]),
            [.created("Schedule", "It is made.", [.location])],
            problems: ["422 unknown-kind", "schedule-exists", "too-many-schedules"]),
        Operation(
            "GET /schedules/{id}", "readSchedule", .schedules, "With its next five runs.", [.ok("Schedule")], problems: ["unknown-schedule"]
        ),
        Operation(
            "PATCH /schedules/{id}", "changeSchedule", .schedules,
            "Members that are given replace those that are there, null takes one away; the whole is checked as a new one.",
            body: .json("ScheduleChange", eg: ["enabled": false]), [.ok("Schedule", "As it is now.")],
            problems: ["unknown-schedule", "422 unknown-kind", "schedule-exists", "schedule-changed"]),
        Operation(
            "DELETE /schedules/{id}", "deleteSchedule", .schedules, "Jobs that it made live on.", [.empty(204, "It is gone.")],
            problems: ["unknown-schedule"]),
        Operation(
            "POST /schedules/{id}/run", "runSchedule", .schedules, "Makes its job now; neither its times nor its overlap rule are touched.",
            headers: Parameter.ofSubmission,
            [.accepted("JobReceipt", "Accepted.", received), .ok("Job", heldMeaning, held + [.eTag])],
            problems: ["unknown-schedule", "invalid-input", "unique-held", "full", "422 unknown-kind"]),
    ]
}
