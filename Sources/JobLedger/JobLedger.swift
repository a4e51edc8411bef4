internal import JobModel
package import Logging
package import PostgresWire

/// What lasts: every recorded job, its attempts, documents and files, in PostgreSQL.
/// `Outcomes.swift` decides how a job ends; `JobDesk` is the only room that knows both this and Redis.
package final class JobLedger: Sendable {
    let pool: PostgresPool
    let logger: Logger
    let acceptances: GroupCommit<AcceptRequest, Acceptance, PostgresError>
    let starts: GroupCommit<StartRequest, Bool, PostgresError>
    let ends: GroupCommit<EndRequest, Recorded, PostgresError>
    let steps: GroupCommit<StepRequest, Bool, PostgresError>
    let releases: GroupCommit<ReleaseRequest, [Job], PostgresError>
    let calls: GroupCommit<NoteRequest, Bool, PostgresError>

    /// `maxBatch` rows go into one statement; beyond a few hundred nothing is gained.
    package init(_ pool: PostgresPool, logger: Logger, maxBatch: Int = 500) {
        self.pool = pool
        self.logger = logger
        acceptances = GroupCommit(limit: maxBatch, isolates: Self.isolates) { requests throws(PostgresError) in
            try await AcceptRequest.commit(requests, to: pool)
        }
        starts = GroupCommit(limit: maxBatch, isolates: Self.isolates) { requests throws(PostgresError) in
            try await StartRequest.commit(requests, to: pool)
        }
        ends = GroupCommit(limit: maxBatch, isolates: Self.isolates) { requests throws(PostgresError) in
            try await EndRequest.commit(requests, to: pool)
        }
        steps = GroupCommit(limit: maxBatch, isolates: Self.isolates) { requests throws(PostgresError) in
            try await StepRequest.commit(requests, to: pool)
        }
        releases = GroupCommit(limit: maxBatch, isolates: Self.isolates) { requests throws(PostgresError) in
            try await ReleaseRequest.commit(requests, to: pool)
        }
        calls = GroupCommit(limit: maxBatch, isolates: Self.isolates) { requests throws(PostgresError) in
            try await NoteRequest.commit(requests, to: pool)
        }
    }

    /// A statement that PostgreSQL refuses for what is in it may be one request's fault.
    private static func isolates(_ error: PostgresError) -> Bool { !error.isRetryable && error.kind != .closed }

    package func ping() async -> Bool { await pool.ping() }
}
