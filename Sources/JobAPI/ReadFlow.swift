internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// Flows as they stand: one with its graph, many newest first, and the cancel of a whole one. Pages bound what a large flow costs.
extension Reception {
    private static let pageOfJobs = 1...1_000
    private static let pageOfFlows = 1...100

    func readFlow(_ exchange: Exchange) async throws -> Response {
        try await document(of: desk.readFlow(exchange.flowID()), exchange)
    }

    /// 200 once every job has ended, 202 while those that run are being told.
    func cancelFlow(_ exchange: Exchange) async throws -> Response {
        try exchange.allowQuery("limit", "cursor")
        let flow = try await desk.cancelFlow(exchange.flowID())
        var response = try await document(of: flow, exchange)
        response.status = flow.state.isTerminal ? .ok : .accepted
        response.headers[.location] = "/flows/\(flow.id)"
        return response
    }

    func listFlows(_ exchange: Exchange) async throws -> Response {
        try exchange.allowQuery("limit", "cursor")
        let limit = try exchange.limit(Reception.pageOfFlows, standard: 50)
        let flows = try await desk.listFlows(before: exchange.cursor(), limit: limit + 1)
        let page = flows.prefix(limit)
        var document: [String: JSONValue] = ["flows": .array(page.map { .object(FlowDocument.summary($0)) })]
        if flows.count > limit, let last = page.last { document["next_cursor"] = .string(last.id.description) }
        return Response(.object(document))
    }

    private func document(of flow: Flow, _ exchange: Exchange) async throws -> Response {
        try exchange.allowQuery("limit", "cursor")
        let limit = try exchange.limit(Reception.pageOfJobs, standard: 1_000)
        let jobs = try await desk.jobs(of: flow.id, after: exchange.cursor(), limit: limit + 1)
        let page = Array(jobs.prefix(limit))
        return Response(FlowDocument.of(flow, jobs: page, next: jobs.count > limit ? page.last?.id : nil))
    }
}

extension Exchange {
    /// The flow that the path names.
    fileprivate func flowID() throws(Problem) -> JobID {
        guard let text = captured.first, let id = JobID(text) else { throw .unknownFlow }
        return id
    }

    fileprivate func limit(_ range: ClosedRange<Int>, standard: Int) throws(Problem) -> Int {
        guard let text = query("limit") else { return standard }
        guard let limit = Int(text), range.contains(limit) else {
            throw .badQuery("limit", "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return limit
    }

    fileprivate func cursor() throws(Problem) -> JobID? {
        guard let text = query("cursor") else { return nil }
        guard let id = JobID(text) else { throw .badQuery("cursor", "must be the next_cursor of an earlier answer") }
        return id
    }
}
