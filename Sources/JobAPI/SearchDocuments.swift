internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobModel
internal import Logging

/// `POST /search`: the chunks of ingested documents that are nearest to a query, best first.
extension Reception {
    func searchDocuments(_ exchange: Exchange) async throws -> Response {
        let fields = try SubmitJob.accept(try await BodyReader.object(of: exchange.request), SearchBody.shape)
        let question = try SearchBody.question(fields)
        guard let search else { throw Problem.searchWithoutModels }
        guard let place = searches.take() else { throw Problem.tooManySearches }
        defer { withExtendedLifetime(place) {} }
        do throws(JobFailure) {
            return Response(SearchBody.answer(try await search.search(question), to: question))
        } catch {
            logger.info("A search failed", metadata: ["reason": "\(error.message)", "request_id": "\(exchange.requestID)"])
            throw Problem.searchFailed(error)
        }
    }
}

enum SearchBody {
    static let maxQueryBytes = 8_000

    static let shape = InputShape([
        .init("query", .text(maxLength: maxQueryBytes), required: true, "what is looked for, in plain words"),
        .init("limit", .integer(1...50), standard: 10, "how many chunks"),
        .init("source", .text(maxLength: 8_192), "a URI, or how it begins"),
        .init("since", .text(maxLength: 100), "documents that were ingested from then on, RFC 3339"),
        .init("until", .text(maxLength: 100), "documents that were ingested before then, RFC 3339"),
        .init("min_score", .number(0...1), "leaves out what is less near"),
        .init("per_source", .integer(1...50), "chunks of one document at most"),
    ])

    static func question(_ fields: [String: JSONValue]) throws(Problem) -> DocumentQuestion {
        var faults: [InputShape.Fault] = []
        func time(_ name: String) -> Timestamp? {
            guard let text = fields[name]?.string else { return nil }
            let time = Timestamp(rfc3339: text)
            if time == nil { faults.append(.init(pointer: "#/\(name)", detail: "must be a time such as 2026-11-21T09:30:00Z")) }
            return time
        }
        let query = fields["query"]?.string ?? ""
        if query.allSatisfy(\.isWhitespace) { faults.append(.init(pointer: "#/query", detail: "must have a word in it")) }
        let filter = DocumentFilter(source: fields["source"]?.string, since: time("since"), until: time("until"))
        if let since = filter.since, let until = filter.until, since >= until {
            faults.append(.init(pointer: "#/until", detail: "must be later than since"))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        return DocumentQuestion(
            query, limit: fields["limit"]?.integer ?? 10, filter: filter, leastScore: fields["min_score"]?.number,
            perSource: fields["per_source"]?.integer)
    }

    static func answer(_ found: DocumentHits, to question: DocumentQuestion) -> JSONValue {
        [
            "query": .string(question.text), "model": .string(found.model), "count": .integer(Int64(found.hits.count)),
            "results": .array(found.hits.map(result)),
        ]
    }

    private static func result(_ hit: DocumentHit) -> JSONValue {
        [
            "score": .number((hit.score * 1_000_000).rounded() / 1_000_000), "text": .string(hit.text), "source": .string(hit.document.uri),
            "title": .string(hit.document.title), "chunk": .integer(Int64(hit.chunk)), "document_id": .string(hit.document.id),
            "job_id": hit.document.jobID.map { .string($0.description) } ?? .null,
            "ingested_at": .string(hit.document.ingestedAt.description),
        ]
    }
}

extension Problem {
    static let tooManySearches = busy(
        "too-many-searches", "Too many searches", "All places for searches are taken; repeat it in a moment.", 1)
    static let searchWithoutModels = busy(
        "unavailable", "Service unavailable",
        "This API process has no model server to turn a query into a vector: give it OLLAMA_URL or OPENAI_URL as the workers have it.", 60)

    /// Of what the caller sent only the query can be at fault: too long for the model, or nothing that it can read.
    static func searchFailed(_ failure: JobFailure) -> Problem {
        if failure.verdict == .permanent, ["http_400", "http_413", "http_422"].contains(failure.type) {
            return .invalid([.init(pointer: "#/query", detail: "is not taken by the embedding model: \(failure.message)")])
        }
        var seconds: Int64 = 5
        if case .retry(let milliseconds?) = failure.verdict { seconds = (milliseconds + 999) / 1000 }
        return busy(
            failure.type == "search_too_slow" ? "search-too-slow" : "unavailable", "The search failed", "\(failure.message).",
            Int(clamping: seconds))
    }
}
