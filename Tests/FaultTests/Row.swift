import PostgresWire

/// A job as SQL has it at the end.
struct Row: Sendable {
    let id: String
    let status: String
    let errorType: String
    /// The attempt that gave the result.
    let givenBy: Int
    /// Outcomes of its attempts, in their order; `open` where none was recorded.
    let outcomes: [String]

    var isTerminal: Bool { ["completed", "failed", "cancelled"].contains(status) }

    static func all(of name: String, in database: PostgresPool) async throws -> [Row] {
        let sql = """
            SELECT j.id::text AS id, j.status, coalesce(j.error_type, '') AS error_type, coalesce((j.result ->> 'attempt')::int, 0) AS given_by,
                coalesce((SELECT string_agg(coalesce(a.outcome, 'open'), ' ' ORDER BY a.attempt)
                          FROM job_attempts a WHERE a.job_id = j.id), '') AS outcomes
            FROM jobs j WHERE starts_with(j.idempotency_key, $1)
            """
        return try await database.query(sql, [.text(name)]).map { row in
            Row(
                id: try row.string("id"), status: try row.string("status"), errorType: try row.string("error_type"),
                givenBy: Int(try row.int("given_by")), outcomes: try row.string("outcomes").split(separator: " ").map(String.init))
        }
    }

    /// Rows that have not ended.
    static func live(of name: String, in database: PostgresPool) async throws -> Int {
        let sql =
            "SELECT count(*) AS n FROM jobs WHERE starts_with(idempotency_key, $1) AND status NOT IN ('completed', 'failed', 'cancelled')"
        return try await Int(database.query(sql, [.text(name)]).first?.int("n") ?? 0)
    }
}
