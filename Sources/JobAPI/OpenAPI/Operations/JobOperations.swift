internal import JobModel

// Submitting and listing jobs.
extension Operation {
    static let jobs: [Operation] = [
        Operation(
            "POST /jobs", "submitJob", .jobs,
            """
            Accepts a job and answers at once; workers do it later. A job of a recorded kind is in PostgreSQL before its 202. `kind` says what \
            `input` may have: see `<kind>_input` among the schemas, or `GET /kinds`.
            """,
            headers: Parameter.ofSubmission,
            body: .json("JobSubmission", eg: ["kind": "web_crawl", "input": ["url": "https://example.com/", "max_pages": 5]]),
            [.accepted("JobReceipt", "Accepted.", received), .ok("Job", heldMeaning, held + [.eTag])],
            problems: ProblemsOfRoute.ofSubmission),
        Operation(
            "POST /jobs/batch", "submitBatch", .jobs,
            """
            1 to 1,000 jobs, at most 8 MiB in all. Each is accepted or refused for itself: the answer says of each what `POST /jobs` would have \
            answered. The header `Idempotency-Key` stands for every job without an `idempotency_key`, by its place.
            """,
            headers: [.idempotencyKey, .traceparent],
            body: .json("BatchSubmission", eg: ["jobs": [["kind": "web_crawl", "input": ["url": "https://example.com/"]]]]),
            [.accepted("BatchReceipt", "What became of each.", [])], problems: ["too-many-batches", "full"]),
        Operation(
            "GET /jobs", "listJobs", .jobs,
            """
            Newest first: recorded jobs as PostgreSQL has them with Redis's live state laid over, and live ones of kinds that are not recorded. \
            A page may be shorter than `limit` and still have a `next_cursor`. `q` searches: words, `"phrases"`, `-word`, `or`, or an SQL/JSON \
            path that begins with `$`.
            """,
            query: [
                .words("status", JobState.allCases.map(\.rawValue), "Where they stand."), .kinds, .queues,
                .text("subject", "Exactly this one.", most: 200), .text("session", "Exactly this one.", most: 200),
                .texts("tag", most: 20, "Repeated: jobs that have all of them."), .id("flow", "Jobs of this flow."), .since, .until,
                .texts("q", most: 5, "A search; repeated: jobs that fit all of them."), .cursor, .limit(1...200, 50), .fields,
            ], [.ok("JobList", "A page.")], problems: ["search-too-slow"]),
        Operation(
            "POST /ingest-async", "ingest", .jobs,
            """
            A job of kind `web_crawl` or `document`. Members of `metadata` that are fields of the kind's input (`max_pages`, `allow_domains`, \
            `doc_type` …) become its input and are checked; the rest stays metadata.
            """,
            headers: Parameter.ofSubmission,
            body: .json(
                "IngestSubmission",
                eg: ["source_type": "web_crawl", "source_uri": "https://example.com/", "metadata": ["max_pages": 50, "team": "x"]]),
            [.accepted("JobReceipt", "Accepted.", received), .ok("Job", heldMeaning, held + [.eTag])],
            problems: ProblemsOfRoute.ofSubmission),
        Operation(
            "GET /dead-letters", "listDeadLetters", .deadLetters, "Those that failed last come first, each with its last ten attempts.",
            query: deadLetterFilter + [.texts("q", most: 5, "A search, as in `GET /jobs`."), .cursor, .limit(1...200, 50), .fields],
            [.ok("DeadLetterList", "A page.")], problems: ["search-too-slow"]),
        Operation(
            "POST /dead-letters/retry", "retryDeadLetters", .deadLetters,
            """
            Without `count` nothing is changed: the answer says how many match, and what to send. With `count` equal to the number that match \
            now they are queued again, at most 10,000 a call.
            """,
            body: .json("DeadLetterFilter", eg: ["kind": "web_crawl"]),
            [.ok("DeadLetterCount", "How many match."), .accepted("DeadLettersRetried", "They were queued again.", [])],
            problems: ["other-count", "full"]),
        Operation(
            "POST /uploads", "storeUpload", .files,
            "The bytes of a file as the body, at most 32 MiB. Its `uri` is the `source_uri` of a document job.",
            query: [.text("filename", "A name, not a path.", most: 255, eg: "report.pdf")], body: .file,
            [.created("Upload", "Kept.")], problems: ["too-many-uploads"]),
        Operation("GET /kinds", "listKinds", .kinds, "Everything that can be submitted.", [.ok("KindList", "Every kind.")]),
        Operation(
            "GET /kinds/{kind}", "readKind", .kinds,
            "With a JSON Schema of its input. Lengths of texts are checked in bytes of UTF-8, which the schema tells as characters.",
            [.ok("Kind", "The kind.")], problems: ["404 unknown-kind"]),
    ]

    private static let deadLetterFilter: [Parameter] = [
        .kinds, .queues, .text("error_type", "The error in one word.", most: 200), .text("subject", "Exactly this one.", most: 200),
        .text("session", "Exactly this one.", most: 200), .texts("tag", most: 20, "Repeated: jobs that have all of them."),
        .time("since", "Failed at this time or after it."), .time("until", "Failed before this time."),
    ]
}

extension Parameter {
    /// Kinds and queues are those of the installation; other programs may bring kinds of their own.
    static let kinds = Parameter("kind", .query, ["type": "array", "items": ["type": "string"]], "Kinds, repeated or separated by commas.")
    static let queues = Parameter(
        "queue", .query, ["type": "array", "items": ["type": "string"]], "Queues, repeated or separated by commas.")
    static let fields = words("fields", ListPage.fields, "What the short form leaves out; pages have at most 20 jobs then.")
}
