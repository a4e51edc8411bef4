package import JobModel
package import PostgresWire

/// Search in lists: the same filters, order and pages, and in addition what jobs were asked, gave and failed with must fit. A page first looks at
/// the next jobs of the list themselves; where few of them fit it asks the index for all that do. So neither a frequent word nor a rare one is slow.
extension JobLedger {
    package enum ListOrder: Sendable {
        /// By creation.
        case created
        /// Dead letters, by their end.
        case failed
    }

    /// Jobs of the list that one page looks at.
    static let searchWindow = 2_000
    /// Of these so many must fit, or the index is asked: it is good at what is rare.
    private static let fewInWindow = 8
    /// More hits than this are not sorted.
    private static let mostHits = 2_000
    private static let windowTime = Duration.seconds(5)
    private static let hitsTime = Duration.seconds(1)

    /// Newest first. A page may be short, or empty, and still have a next one.
    package func search(
        _ search: JobSearch, _ filter: JobFilter, by order: ListOrder = .created, below: JobPosition?, limit: Int, dueBy: Timestamp? = nil,
        whole: Bool = false
    ) async throws(PostgresError) -> RowPage {
        let limit = max(1, min(limit, 1_000))
        let query = SearchQuery(try await meaning(of: search), search.isIndexed, filter, order, dueBy)
        let window = try await positions(
            query.window(below, Self.searchWindow), within: Self.windowTime)
        let fitting = window.filter(\.fits).map(\.position)
        let bottom = window.last.flatMap { $0.total < Self.searchWindow ? nil : $0.position }
        if fitting.count >= limit || bottom == nil {
            return try await page(Array(fitting.prefix(limit)), whole, fitting.count > limit ? fitting[limit - 1] : bottom)
        }
        if fitting.count < Self.fewInWindow, search.isIndexed, let hits = try await hits(query, below, limit) {
            let all = Set(hits + fitting).sorted(by: >).prefix(limit)
            return try await page(Array(all), whole, hits.count < limit ? nil : all.last)
        }
        return try await page(fitting, whole, bottom)
    }

    /// Nil: there are too many to be put in order, or the index takes too long to tell.
    private func hits(_ query: SearchQuery, _ below: JobPosition?, _ limit: Int) async throws(PostgresError) -> [JobPosition]? {
        do {
            let found = try await positions(query.hits(below, limit, most: Self.mostHits + 1), within: Self.hitsTime)
            return found.contains { $0.total > Self.mostHits } ? nil : found.filter(\.fits).map(\.position)
        } catch {
            guard error.kind == .timeout else { throw error }
            return nil
        }
    }

    /// Throws class 22 and 42 for what PostgreSQL does not understand: the caller's fault.
    private func meaning(of search: JobSearch) async throws(PostgresError) -> SearchMeaning {
        let row = try await pool.query(Statements.searchMeaning, [.textArray(search.words), .textArray(search.paths)]).first
        guard let row, try row.bool("positive"), try row.optionalString("words") != "" else {
            throw PostgresError(.statement, sqlState: "22023", "there is no word in it that must be found")
        }
        return SearchMeaning(words: try row.optionalString("words"), path: try row.optionalString("path"))
    }

    private func positions(_ statement: ListStatement, within limit: Duration) async throws(PostgresError) -> [SearchedPosition] {
        let rows = try await pool.transaction(timeLimit: limit) { (connection) throws(PostgresError) in
            // Long words are left out of the index, and PostgreSQL says so each time. A sequential scan of what the search knows is never good.
            try connection.script("SET LOCAL client_min_messages = error; SET LOCAL enable_seqscan = off")
            return try connection.queryAfresh(statement.text, statement.parameters)
        }
        return try rows.map { (row) throws(PostgresError) in
            let place = try row.optionalInt("listed_us")
            return SearchedPosition(
                position: JobPosition(microseconds: place ?? 0, id: place == nil ? JobID() : try row.jobID("id")),
                fits: place != nil ? try row.bool("fits") : false, total: Int(try row.int("total")))
        }
    }

    /// The jobs at these places, as lists show them.
    private func page(_ places: [JobPosition], _ whole: Bool, _ bottom: JobPosition?) async throws(PostgresError) -> RowPage {
        guard !places.isEmpty else { return RowPage(found: [], bottom: bottom) }
        let statement = ListStatement(
            Statements.listIDs, ["ids": .textArray(places.map(\.id.description)), "whole": .boolean(whole)])
        var jobs: [JobID: Job] = [:]
        for row in try await pool.queryAfresh(statement.text, statement.parameters) {
            if let job = row.listedJob(logger) { jobs[job.id] = job }
        }
        return RowPage(found: places.compactMap { place in jobs[place.id].map { ListedJob($0, at: place) } }, bottom: bottom)
    }
}

/// A search as PostgreSQL understands it: a tsquery and a JSON path.
struct SearchMeaning: Sendable {
    let words: String?
    let path: String?
}

private struct SearchedPosition: Sendable {
    let position: JobPosition
    let fits: Bool
    /// How many jobs were looked at, or hit.
    let total: Int
}

/// The two statements of a search, over the lines of the list that it is a search in.
struct SearchQuery {
    private let meaning: SearchMeaning
    private let filter: JobFilter
    private let order: JobLedger.ListOrder
    private let dueBy: Timestamp?

    init(_ meaning: SearchMeaning, _ isIndexed: Bool, _ filter: JobFilter, _ order: JobLedger.ListOrder, _ dueBy: Timestamp?) {
        self.meaning = meaning
        self.order = order
        self.dueBy = dueBy
        var filter = filter
        if order == .failed { filter.states = [] }
        self.filter = filter
    }

    /// The next `count` jobs of the list; each row is one that fits, or the last one.
    func window(_ below: JobPosition?, _ count: Int) -> ListStatement {
        let template = order == .created ? Statements.searchCreated : Statements.searchFailed
        return ListStatement(template, JobLedger.values(filter, order, below, count, dueBy).merging(asked) { $1 })
    }

    func hits(_ below: JobPosition?, _ limit: Int, most: Int) -> ListStatement {
        let template = order == .created ? Statements.searchHitsCreated : Statements.searchHitsFailed
        var given = JobLedger.values(filter, order, below, limit, dueBy, inOneScan: true).merging(asked) { $1 }
        given["most"] = .integer(Int64(most))
        return ListStatement(template, given)
    }

    private var asked: [String: PostgresValue] {
        var asked: [String: PostgresValue] = [:]
        asked["words"] = meaning.words.map(PostgresValue.text)
        asked["path"] = meaning.path.map(PostgresValue.text)
        return asked
    }
}
