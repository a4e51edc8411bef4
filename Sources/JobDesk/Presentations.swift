internal import JobLedger
package import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

/// Presentations are rows that follow their jobs'. Their owners put them under subjects; Redis is told what the rows say.
extension JobDesk {
    package func presentation(_ id: JobID) async throws(DeskError) -> Presentation {
        let found = try await asking(postgres: { () throws(PostgresError) in try await ledger.presentation(id) })
        guard let found else { throw .unknownPresentation(id) }
        return found
    }

    package func presentations(
        _ filter: PresentationFilter, below: JobPosition?, limit: Int
    ) async throws(DeskError) -> [Presentation] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.presentations(filter, below: below, limit: limit) })
    }

    /// Those of the ids that are presentations; at most 1,000 are looked for.
    package func presentations(among ids: [JobID]) async throws(DeskError) -> Set<JobID> {
        let found = try await asking(postgres: { () throws(PostgresError) in
            try await ledger.presentations(PresentationFilter(), ids: ids, limit: ids.count)
        })
        return Set(found.map(\.id))
    }

    package func subjects(after last: String?, limit: Int) async throws(DeskError) -> [SubjectCount] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.subjects(after: last, limit: limit) })
    }

    /// Returns those that were moved; with `from` only those that were under it.
    package func movePresentations(_ ids: [JobID], to subject: String, from: String?) async throws(DeskError) -> [JobID] {
        let moved = try await asking(postgres: { () throws(PostgresError) in
            try await ledger.movePresentations(ids, to: subject, from: from, rememberedFor: queue.retentionMilliseconds)
        })
        await tellRedis(moved, subject)
        return moved.ids
    }

    /// Returns how many were moved.
    package func mergeSubjects(_ subjects: [String], into subject: String) async throws(DeskError) -> Int {
        try await moveAll(subjects, to: subject, mustBeNew: false)
    }

    /// The new name must have no presentations yet: merging is another order.
    package func renameSubject(_ old: String, to new: String) async throws(DeskError) -> Int {
        let moved = try await moveAll([old], to: new, mustBeNew: true)
        guard moved > 0 else { throw .unknownSubject(old) }
        return moved
    }

    private func moveAll(_ subjects: [String], to subject: String, mustBeNew: Bool) async throws(DeskError) -> Int {
        let moved = try await asking(postgres: { () throws(PostgresError) in
            try await ledger.mergeSubjects(
                subjects, into: subject, mustBeNew: mustBeNew, rememberedFor: queue.retentionMilliseconds)
        })
        guard let moved else { throw .subjectExists(subject) }
        await tellRedis(moved, subject)
        return moved.ids.count
    }

    /// The rows decide. What Redis shows of a job is a copy: one that could not be told keeps the old word until it expires.
    private func tellRedis(_ moved: MovedPresentations, _ subject: String) async {
        guard !moved.remembered.isEmpty else { return }
        do {
            try await queue.setSubject(subject == Presentation.unorganised ? nil : subject, of: moved.remembered)
        } catch {
            logger.warning(
                "Redis was not told the new subject of jobs", metadata: ["jobs": "\(moved.remembered.count)", "error": "\(error)"])
        }
    }
}
