package import JobModel
package import PostgresWire

/// Rows of a list, newest first. One that this version cannot show at all is left out; the list goes on below it.
package struct RowPage: Sendable {
    package let found: [ListedJob]
    /// Where the next page begins; nil at the end.
    package let bottom: JobPosition?
}

/// Lists of recorded jobs, newest first, a page at a time. A page is read by an index from where the last one ended: its cost does not
/// depend on how many jobs there are or how far down the page is.
extension JobLedger {
    /// By creation. `dueBy`: of scheduled jobs only those that are due by then, which Redis may call queued already.
    /// Without `whole` the jobs come without result, and of their input comes only where their content is.
    package func list(
        _ filter: JobFilter, below: JobPosition?, limit: Int, dueBy: Timestamp? = nil, whole: Bool = false
    ) async throws(PostgresError) -> RowPage {
        try await read(JobLedger.listStatement(filter, below, limit, dueBy, whole), limit)
    }

    static func listStatement(
        _ filter: JobFilter, _ below: JobPosition? = nil, _ limit: Int = 50, _ dueBy: Timestamp? = nil, _ whole: Bool = false
    ) -> ListStatement {
        var given = values(filter, .created, below, limit, dueBy)
        given["whole"] = .boolean(whole)
        return ListStatement(Statements.listCreated, given)
    }

    /// Dead letters, by their end.
    package func listFailed(
        _ filter: JobFilter, below: JobPosition?, limit: Int, whole: Bool = false
    ) async throws(PostgresError) -> RowPage {
        try await read(JobLedger.failedStatement(filter, below, limit, whole), limit)
    }

    static func failedStatement(
        _ filter: JobFilter, _ below: JobPosition? = nil, _ limit: Int = 50, _ whole: Bool = false
    ) -> ListStatement {
        var given = values(filter, .failed, below, limit, nil)
        given["whole"] = .boolean(whole)
        return ListStatement(Statements.listFailed, given)
    }

    package func countFailed(_ filter: JobFilter) async throws(PostgresError) -> Int {
        let statement = ListStatement(Statements.countFailed, filter.values)
        return Int(try await pool.queryAfresh(statement.text, statement.parameters).first?.int("matching") ?? 0)
    }

    private func read(_ statement: ListStatement, _ limit: Int) async throws(PostgresError) -> RowPage {
        let rows = try await pool.queryAfresh(statement.text, statement.parameters)
        let positions = try rows.map { (row) throws(PostgresError) in
            JobPosition(microseconds: try row.int("listed_us"), id: try row.jobID("id"))
        }
        let found = zip(rows, positions).compactMap { row, position in row.listedJob(logger).map { ListedJob($0, at: position) } }
        return RowPage(found: found, bottom: rows.count < limit ? nil : positions.last)
    }

    /// What a list's statement is given. `inOneScan`: several words are one condition, as where the rows come from another index.
    static func values(
        _ filter: JobFilter, _ order: ListOrder, _ below: JobPosition?, _ limit: Int, _ dueBy: Timestamp?, inOneScan: Bool = false
    ) -> [String: PostgresValue] {
        var filter = filter
        if order == .failed { filter.states = [] }
        if order == .created, !inOneScan, filter.states.isEmpty, !filter.kinds.isEmpty || !filter.queues.isEmpty {
            filter.states = Set(JobState.allCases)
        }
        var values = filter.values
        if inOneScan {
            for name in ["states", "kinds", "queues"] { values["any_\(name)"] = values.removeValue(forKey: name) }
        }
        values["limit"] = .integer(Int64(max(0, min(limit, searchWindow))))
        values["below_us"] = below.map { .integer($0.microseconds) }
        values["below_id"] = below.map { .text($0.id.description) }
        if order == .created { values["due_ms"] = dueBy.map { .integer($0.milliseconds) } }
        return values
    }
}

extension JobFilter {
    fileprivate var values: [String: PostgresValue] {
        var values: [String: PostgresValue] = [:]
        values.add(states.map(\.rawValue), one: "state", many: "states")
        values.add(Array(kinds), one: "kind", many: "kinds")
        values.add(Array(queues), one: "queue", many: "queues")
        values["subject"] = storable(subject).map(PostgresValue.text)
        values["session"] = storable(sessionID).map(PostgresValue.text)
        values["tags"] = tags.isEmpty ? nil : .textArray(tags.map(storable))
        values["flow"] = flow.map { .text($0.description) }
        values["error_type"] = storable(errorType).map(PostgresValue.text)
        values["since_ms"] = since.map { .integer($0.milliseconds) }
        values["until_ms"] = until.map { .integer($0.milliseconds) }
        return values
    }
}

extension [String: PostgresValue] {
    fileprivate mutating func add(_ words: [String], one: String, many: String) {
        if words.count == 1 { self[one] = .text(words[0]) }
        if words.count > 1 { self[many] = .textArray(words.sorted()) }
    }
}
