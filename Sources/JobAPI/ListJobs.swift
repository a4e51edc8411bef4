internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `GET /jobs` and `GET /dead-letters`: pages of the short form of the status document, newest first.
extension Reception {
    func listJobs(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: QueryReader.listWords + QueryReader.pageWords)
        let filter = query.filter(desk.catalogue)
        let page = query.page()
        try query.finish()
        let found = try await desk.list(filter, below: page.below, limit: page.limit, whole: page.isWhole)
        let jobs = try await items(found, page)
        return Response(ListJobs.document("jobs", jobs, found))
    }

    func listDeadLetters(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: QueryReader.deadLetterWords + ["q"] + QueryReader.pageWords)
        let filter = query.filter(desk.catalogue)
        let page = query.page()
        try query.finish()
        let found = try await desk.deadLetters(filter, below: page.below, limit: page.limit, whole: page.isWhole)
        let histories = try await desk.attempts(of: found.jobs.map(\.job), last: ListJobs.shownAttempts)
        var letters = try await items(found, page)
        for (index, listed) in found.jobs.enumerated() {
            letters[index]["attempts"] = .array(histories[listed.job.id]?.attempts.map(ListJobs.attempt) ?? [])
        }
        return Response(ListJobs.document("dead_letters", letters, found))
    }

    private func items(_ found: JobPage, _ page: ListPage) async throws -> [[String: JSONValue]] {
        var items: [[String: JSONValue]] = []
        for job in found.jobs.map(\.job) {
            var item = JobDocument.short(job, durations: desk.durations)
            if page.fields.contains("input") { item["input"] = job.input }
            if page.fields.contains("result"), job.state == .completed { item["result"] = job.result ?? [:] }
            if page.fields.contains("events") {
                item["events"] = .array(((try? await desk.log(of: job.id)) ?? []).map(JobDocument.withoutResult))
            }
            items.append(item)
        }
        return items
    }
}

enum ListJobs {
    /// Of each dead letter in a list; `/jobs/{id}/attempts` has all.
    static let shownAttempts = 10

    static func document(_ name: String, _ items: [[String: JSONValue]], _ page: JobPage) -> JSONValue {
        [
            name: .array(items.map(JSONValue.object)), "count": .integer(Int64(items.count)),
            "next_cursor": page.next.map { .string($0.description) } ?? .null,
        ]
    }

    static func attempt(_ attempt: JobAttempt) -> JSONValue {
        var members: [String: JSONValue] = ["attempt": .integer(Int64(attempt.number))]
        let texts = [
            "worker": attempt.worker, "outcome": attempt.outcome, "error": attempt.error, "error_type": attempt.errorType,
            "started_at": attempt.startedAt?.description, "ended_at": attempt.endedAt?.description,
        ]
        for case (let name, let text?) in texts { members[name] = .string(text) }
        if let start = attempt.startedAt, let end = attempt.endedAt {
            members["seconds"] = .number(Double(max(0, end.milliseconds - start.milliseconds)) / 1000)
        }
        return .object(members)
    }
}

extension QueryReader {
    /// Throws everything that was wrong.
    func finish() throws(Problem) {
        guard faults.isEmpty else { throw .badFilter(faults) }
    }
}
