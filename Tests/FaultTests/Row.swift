import PostgresWire

/// A job as SQL has it at the end.
struct Row: Sendable {
    let id: String
    let key: String
    let status: String
    let errorType: String
    /// The attempt that gave the result.
    let givenBy: Int
    /// Outcomes of its attempts, in their order; `open` where none was recorded.
    let outcomes: [String]
    let flow: String?

    var isTerminal: Bool { ["completed", "failed", "cancelled"].contains(status) }

    /// Whose jobs belong to a load: by their key, their flow's name, or their schedule's. Its parameter is the load's name.
    static let belongs = """
        (starts_with(idempotency_key, $1) OR flow_id IN (SELECT f.id FROM flows f WHERE starts_with(f.name, $1))
            OR starts_with(metadata ->> 'schedule', $1))
        """

    static func all(of name: String, in database: PostgresPool) async throws -> [Row] {
        let sql = """
            SELECT j.id::text AS id, coalesce(j.idempotency_key, '') AS key, j.status, coalesce(j.error_type, '') AS error_type,
                coalesce((j.result ->> 'attempt')::int, 0) AS given_by, j.flow_id::text AS flow,
                coalesce((SELECT string_agg(coalesce(a.outcome, 'open'), ' ' ORDER BY a.attempt)
                          FROM job_attempts a WHERE a.job_id = j.id), '') AS outcomes
            FROM jobs j WHERE \(belongs)
            """
        return try await database.query(sql, [.text(name)]).map { row in
            Row(
                id: try row.string("id"), key: try row.string("key"), status: try row.string("status"),
                errorType: try row.string("error_type"), givenBy: Int(try row.int("given_by")),
                outcomes: try row.string("outcomes").split(separator: " ").map(String.init), flow: try row.optionalString("flow"))
        }
    }

    /// Rows that have not ended.
    static func live(of name: String, in database: PostgresPool) async throws -> Int {
        let sql = "SELECT count(*) AS n FROM jobs WHERE \(belongs) AND status NOT IN ('completed', 'failed', 'cancelled')"
        return try await Int(database.query(sql, [.text(name)]).first?.int("n") ?? 0)
    }
}
