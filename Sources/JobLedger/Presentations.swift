package import JobModel
package import PostgresWire

/// What became of an order to put presentations under another subject.
package struct MovedPresentations: Sendable, Hashable {
    package let ids: [JobID]
    /// Those whose jobs Redis may still know.
    package let remembered: [JobID]
}

/// Presentations as they are organised. Their rows are written by triggers on `jobs` (migration_0012_presentations.sql); here they are read, and put
/// under subjects. Every order locks jobs' rows first, then presentations', in the order of ids: none waits for a job's transition in a circle.
extension JobLedger {
    package func presentation(_ id: JobID) async throws(PostgresError) -> Presentation? {
        try await presentations(PresentationFilter(), ids: [id], limit: 1).first
    }

    /// Newest first. Cost: by the page, not by how many there are.
    package func presentations(
        _ filter: PresentationFilter, ids: [JobID]? = nil, below: JobPosition? = nil, limit: Int
    ) async throws(PostgresError) -> [Presentation] {
        let statement = JobLedger.presentationStatement(filter, ids: ids, below: below, limit: limit)
        return try await pool.query(statement.text, statement.parameters).map { (row) throws(PostgresError) in try row.presentation() }
    }

    static func presentationStatement(
        _ filter: PresentationFilter, ids: [JobID]? = nil, below: JobPosition? = nil, limit: Int = 50
    ) -> ListStatement {
        var given: [String: PostgresValue] = ["limit": .integer(Int64(max(0, min(limit, 1_000))))]
        given["ids"] = ids.map { .textArray($0.map(\.description)) }
        given["below_us"] = below.map { .integer($0.microseconds) }
        given["below_id"] = below.map { .text($0.id.description) }
        given["statuses"] = filter.statuses.isEmpty ? nil : .textArray(filter.statuses.map(\.rawValue).sorted())
        given["subject"] = storable(filter.subject).map(PostgresValue.text)
        given["user"] = storable(filter.userID).map(PostgresValue.text)
        given["since_ms"] = filter.since.map { .integer($0.milliseconds) }
        given["until_ms"] = filter.until.map { .integer($0.milliseconds) }
        return ListStatement(Statements.listPresentations, given)
    }

    /// In their order, those after `last`.
    package func subjects(after last: String?, limit: Int) async throws(PostgresError) -> [SubjectCount] {
        let parameters: [PostgresValue] = [.optional(storable(last)), .integer(Int64(max(0, min(limit, 1_000))))]
        return try await pool.query(Statements.listSubjects, parameters).map { (row) throws(PostgresError) in try row.subjectCount() }
    }

    /// Those of the presentations that are there, and with `from` only those that are under it at that moment.
    package func movePresentations(
        _ ids: [JobID], to subject: String, from: String? = nil, rememberedFor milliseconds: Int64
    ) async throws(PostgresError) -> MovedPresentations {
        let move = Move(ids: ids.map(\.description), subject: subject, from: from.map { [$0] }, remembered: milliseconds)
        return try await pool.transaction { (connection) throws(PostgresError) in try connection.run(move) }
    }

    /// Puts everything that is under some subjects under one, in one transaction. Nil: `mustBeNew`, and there are presentations under it.
    package func mergeSubjects(
        _ subjects: [String], into subject: String, mustBeNew: Bool, rememberedFor milliseconds: Int64
    ) async throws(PostgresError) -> MovedPresentations? {
        try await pool.transaction(timeLimit: .seconds(120)) { (connection) throws(PostgresError) in
            // One of these at a time: two renames to one new name must not both find it new. "subjects" in ASCII.
            try connection.execute("SELECT pg_advisory_xact_lock(8319104478453593203)")
            let name = PostgresValue.optional(storable(subject))
            if mustBeNew, try !connection.query("SELECT FROM presentation_jobs WHERE subject = $1 LIMIT 1", [name]).isEmpty { return nil }
            let found = try connection.query(
                "SELECT id FROM presentation_jobs WHERE subject = ANY ($1::text[])", [.textArray(subjects.map(storable))])
            let ids = try found.map { (row) throws(PostgresError) in try row.string("id") }
            return try connection.run(Move(ids: ids, subject: subject, from: subjects, remembered: milliseconds))
        }
    }
}

private struct Move: Sendable {
    let ids: [String]
    let subject: String
    let from: [String]?
    let remembered: Int64
}

extension PostgresConnection {
    fileprivate func run(_ move: Move) throws(PostgresError) -> MovedPresentations {
        _ = try query(Statements.lockPresentationJobs, [.textArray(move.ids)])
        let rows = try query(
            Statements.movePresentations,
            [
                .textArray(move.ids), .optional(storable(move.subject)), move.from.map { .textArray($0.map(storable)) } ?? .null,
                .integer(move.remembered),
            ])
        let moved = try rows.map { (row) throws(PostgresError) in (id: try row.jobID("id"), isRemembered: try row.bool("is_remembered")) }
        return MovedPresentations(ids: moved.map(\.id), remembered: moved.filter(\.isRemembered).map(\.id))
    }
}

extension PostgresRow {
    fileprivate func presentation() throws(PostgresError) -> Presentation {
        guard let status = Presentation.Status(rawValue: try string("status")) else {
            throw PostgresError(.decoding, "A presentation's status is unknown to this version")
        }
        return Presentation(
            id: try jobID("id"), topic: try string("topic"), status: status, subject: try string("subject"),
            presentonID: try optionalString("presenton_id"), presentonURL: try optionalString("presenton_url"),
            createdMicroseconds: try int("created_us"), completedAt: try time("completed_ms"), userID: try optionalString("user_id"),
            slides: try optionalInt("n_slides").map { Int($0) }, error: try optionalString("error"))
    }

    fileprivate func subjectCount() throws(PostgresError) -> SubjectCount {
        SubjectCount(
            subject: try string("subject"), total: try int("total"),
            counts: [
                .pending: try int("pending"), .processing: try int("processing"), .complete: try int("complete"), .error: try int("failed"),
            ])
    }
}
