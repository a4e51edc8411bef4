import JobLedger
import JobModel
import PostgresWire

extension Job {
    static func presentation(_ topic: String = "Photosynthesis", subject: String? = nil, at created: Timestamp = .now) -> Job {
        var job = Job(
            id: JobID(at: created), kind: "presentation", queue: "presentations",
            input: ["topic": .string(topic), "user_id": "user123", "n_slides": 5], createdAt: created)
        job.subject = subject
        return job
    }
}

extension JobOutcome {
    static let deck = JobOutcome.completed(["presenton_id": "p1", "presenton_url": "/presentation?id=p1"])
}

extension LedgerFixture {
    func presentation(_ id: JobID) async throws -> Presentation {
        guard let found = try await ledger.presentation(id) else { throw Unexpected("there is no presentation") }
        return found
    }

    /// Presentations that do not say what their job says: there must never be any.
    func disagreements() async throws -> Int64 {
        try await number(
            """
            SELECT count(*) AS n FROM jobs j FULL JOIN presentation_jobs p ON p.id = j.id
            WHERE coalesce(j.kind, 'presentation') = 'presentation' AND (
                p.status IS DISTINCT FROM tidewheel.presentation_status(j.status) OR p.subject <> coalesce(j.subject, 'default')
                OR p.presenton_url IS DISTINCT FROM j.result ->> 'presenton_url' OR p.created_at <> j.created_at
                OR (p.error IS NULL) <> (j.status NOT IN ('failed', 'cancelled')))
            """)
    }

    func move(_ ids: [JobID], to subject: String, from: String? = nil) async throws -> [JobID] {
        try await ledger.movePresentations(ids, to: subject, from: from, rememberedFor: 60_000).ids
    }

    func merge(_ subjects: [String], into subject: String, mustBeNew: Bool = false) async throws -> Int? {
        try await ledger.mergeSubjects(subjects, into: subject, mustBeNew: mustBeNew, rememberedFor: 60_000)?.ids.count
    }

    func subjects() async throws -> [String: Int64] {
        let found = try await ledger.subjects(after: nil, limit: 1_000)
        return Dictionary(uniqueKeysWithValues: found.map { ($0.subject, $0.total) })
    }
}
